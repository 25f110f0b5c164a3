"""Show what the dynamic filters make of a clip: movement phases over time, and the graph that each layer works with."""
from dynstg_mm.commands.plot_filters import main

if __name__ == '__main__':
    raise SystemExit(main())
