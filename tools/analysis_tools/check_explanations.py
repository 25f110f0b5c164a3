"""Whether explanations are true: deletion curves, random weights, and walks with one altered joint."""
from dynstg_mm.commands.check_explanations import main

if __name__ == '__main__':
    raise SystemExit(main())
