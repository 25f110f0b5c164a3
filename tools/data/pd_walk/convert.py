"""Turn keypoints of the PD-Walk videos, from any reader, into one annotation file."""
from dynstg_mm.commands.pd_walk import main

if __name__ == '__main__':
    raise SystemExit(main())
