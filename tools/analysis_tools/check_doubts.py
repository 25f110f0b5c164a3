"""How often predict doubts recordings."""
from dynstg_mm.commands.check_doubts import main

if __name__ == '__main__':
    raise SystemExit(main())
