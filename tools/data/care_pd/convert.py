"""Turn the walks of CARE-PD into one annotation file."""
from dynstg_mm.commands.care_pd import main

if __name__ == '__main__':
    raise SystemExit(main())
