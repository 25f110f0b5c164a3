"""Rename the parameters of a checkpoint of dynstg_mm 0.1 to mamba's names, as the models have them now."""
from dynstg_mm.commands.upgrade_checkpoint import main

if __name__ == '__main__':
    raise SystemExit(main())
