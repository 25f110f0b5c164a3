"""Audit an annotation file before a model sees it: a text, a JSON file, one page of pictures."""
from dynstg_mm.commands.audit import main

if __name__ == '__main__':
    raise SystemExit(main())
