"""How fast a config's data are loaded, beside MMAction2's own skeleton pipeline on the same clips, in one run."""
from dynstg_mm.commands.benchmark_data import main

if __name__ == '__main__':
    raise SystemExit(main())
