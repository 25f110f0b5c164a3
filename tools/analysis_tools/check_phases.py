"""Whether movement phases follow the gait cycle, and whether the graph moves."""
from dynstg_mm.commands.check_phases import main

if __name__ == '__main__':
    raise SystemExit(main())
