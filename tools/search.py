"""Search options of a config by cross-validation on inner folds."""
from dynstg_mm.commands.search import main

if __name__ == '__main__':
    raise SystemExit(main())
