"""What a command line says about annotation files: their names and tasks, and new names of classes."""
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from dynstg_mm.errors import ConfigError
from dynstg_mm.files import existing_file


@dataclasses.dataclass(frozen=True)
class TaskFile:
    """An annotation file, and the task in it that is meant, or None."""

    file: str
    task: str | None = None


def named_files(texts: Sequence[str], option: str) -> dict[str, TaskFile]:
    """Annotation files by name.

    Args:
        texts: `FILE`, `NAME=FILE`, `FILE:TASK` or `NAME=FILE:TASK`; the default name is that of the file.
        option: Where they were given, for the message.

    Raises:
        ConfigError: A name is taken.
        FileNotFoundError: There is no such file.
    """
    files: dict[str, TaskFile] = {}
    for text in texts:
        name, _, rest = text.rpartition('=')
        file, colon, task = (rest, '', '') if Path(rest).exists() else rest.rpartition(':')
        name = name or Path(file if colon else rest).stem
        if name in files or '/' in name:
            raise ConfigError(f'{option}: {text}: name {name!r}; expected another name before the =.')
        files[name] = TaskFile(str(existing_file(file if colon else rest, 'annotation file')), task or None)
    return files


def class_names(texts: Sequence[str], option: str) -> dict[str, str]:
    """New name of each class, from OLD=NEW.

    Raises:
        ConfigError: A text is not of this form, or a name is duplicated.
    """
    names: dict[str, str] = {}
    for text in texts:
        old, equals, new = text.partition('=')
        if not old or not equals or old in names:
            raise ConfigError(f'{option}: {text!r}; expected OLD=NEW, each class once.')
        names[old] = new
    return names
