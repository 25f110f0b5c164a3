"""Write the synthetic sample of data/, or more such walks for pretraining."""
from dynstg_mm.commands.synthetic_gait import main

if __name__ == '__main__':
    raise SystemExit(main())
