"""What a call has finished, so that the same call resumes after it was stopped or killed."""
from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dynstg_mm.files import atomic_open


class Journal:
    """A file with a line of JSON for the call, and one for each thing that it has finished.

    Args:
        path: The file. It remains until `close`.
        call: What the call is. The journal of another call is dropped.

    Attributes:
        entries: What a stopped call of the same kind has finished.
    """

    def __init__(self, path: str | os.PathLike, call: Mapping[str, Any]) -> None:
        self.path = Path(path)
        known = _lines(self.path)
        self.entries = known[1:] if known[:1] == [json.loads(json.dumps(call))] else []
        with atomic_open(self.path, encoding='utf-8') as file:
            file.writelines(f'{json.dumps(line)}\n' for line in (call, *self.entries))

    def add(self, **entry: Any) -> None:
        """Add what is finished."""
        with open(self.path, 'a', encoding='utf-8') as file:
            file.write(f'{json.dumps(entry)}\n')

    def close(self) -> None:
        """Remove the file, since the call is complete."""
        self.path.unlink()


def _lines(path: Path) -> list[Any]:
    """The whole lines of a file; a kill may cut the last one."""
    try:
        return [json.loads(line) for line in path.read_text(encoding='utf-8').split('\n')[:-1]]
    except (OSError, ValueError):
        return []
