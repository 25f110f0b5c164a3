"""Turn keypoints of the Auto-Gait videos (ATAXIA), from any reader, into one annotation file."""
from dynstg_mm.commands.ataxia import main

if __name__ == '__main__':
    raise SystemExit(main())
