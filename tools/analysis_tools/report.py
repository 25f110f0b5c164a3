"""Put tested models side by side: a table with intervals by subject, and one page with pictures."""
from dynstg_mm.commands.report import main

if __name__ == '__main__':
    raise SystemExit(main())
