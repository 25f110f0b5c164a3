"""Write the student of a distilled checkpoint alone, as a checkpoint that the plain recognizer's config loads."""
from dynstg_mm.commands.publish_student import main

if __name__ == '__main__':
    raise SystemExit(main())
