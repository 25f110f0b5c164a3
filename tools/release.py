"""Make the weights of a task from a recipe."""
from dynstg_mm.commands.release import main

if __name__ == '__main__':
    raise SystemExit(main())
