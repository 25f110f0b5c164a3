"""How good answers about people left out of the training are."""
from dynstg_mm.commands.check_answers import main

if __name__ == '__main__':
    raise SystemExit(main())
