"""Turn any laboratory's skeletons and a table of who walks in them into one annotation file."""
from dynstg_mm.commands.convert import main

if __name__ == '__main__':
    raise SystemExit(main())
