"""Turn the BVH files of MSND (musculoskeletal and neurological disorders) into one annotation file."""
from dynstg_mm.commands.msnd import main

if __name__ == '__main__':
    raise SystemExit(main())
