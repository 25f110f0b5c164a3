"""How much models lose as the recordings get worse: lost joints, noise, a lower rate, a shorter clip."""
from dynstg_mm.commands.robustness import main

if __name__ == '__main__':
    raise SystemExit(main())
