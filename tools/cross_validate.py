"""Train and test configs on all folds with several seeds, and put them side by side."""
from dynstg_mm.commands.cross_validate import main

if __name__ == '__main__':
    raise SystemExit(main())
