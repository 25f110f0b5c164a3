"""Turn the acted pathological gaits by Kinect v2 into one annotation file."""
from dynstg_mm.commands.acted_gait import main

if __name__ == '__main__':
    raise SystemExit(main())
