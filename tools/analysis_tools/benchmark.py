"""What the models cost beside MMAction2's, and the selective scan beside its reference, all measured in one run."""
from dynstg_mm.commands.benchmark import main

if __name__ == '__main__':
    raise SystemExit(main())
