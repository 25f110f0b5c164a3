"""Find the keypoints of videos, and draw the skeletons of any recordings."""
from dynstg_mm.commands.keypoints import main

if __name__ == '__main__':
    raise SystemExit(main())
