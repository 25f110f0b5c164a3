"""Make the tables of results in the documents, and the metafiles, from the published results."""
from dynstg_mm.commands.make_tables import main

if __name__ == '__main__':
    raise SystemExit(main())
