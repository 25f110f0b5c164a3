"""What each element of a model is worth, on one or several tasks."""
from dynstg_mm.commands.ablation import main

if __name__ == '__main__':
    raise SystemExit(main())
