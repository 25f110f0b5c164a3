"""Test a checkpoint by a config, ours or any of MMAction2's."""
from dynstg_mm.commands.test import main

if __name__ == '__main__':
    raise SystemExit(main())
