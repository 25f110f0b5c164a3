"""Ask a trained model about recordings."""
from dynstg_mm.commands.predict import main

if __name__ == '__main__':
    raise SystemExit(main())
