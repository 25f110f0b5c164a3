"""The folder that predict writes."""
from __future__ import annotations

import contextlib
import csv
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dynstg_mm.files import atomic_open
from dynstg_mm.inference.answer import Answer


class OutputFolder:
    """`predictions/NAME.json` of each answer, and the tables `predictions.csv` and `windows.csv`.

    A name is that of the clip; a further person has `_person1`, ... after it. Use `open_output`.

    Args:
        folder: The folder.
        predictions, windows: Writers of the tables.
        classes: Names of the classes.
    """

    def __init__(self, folder: Path, predictions: Any, windows: Any, classes: Sequence[str]) -> None:
        self.folder, self.classes, self.names = folder, classes, set[str]()
        self._predictions, self._windows = predictions, windows
        probabilities = [f'probability_{name}' for name in classes]
        predictions.writerow(['clip', 'person', 'file', 'predicted', *probabilities, 'calibrated', 'prediction_set',
                              'doubts', 'seconds', 'rate', 'frames', 'lost', 'notes', 'error'])
        windows.writerow(['clip', 'person', 'file', 'start', 'end', *probabilities, 'padded', 'doubts'])

    def add(self, answer: Answer) -> str:
        """Write one answer; returns its name."""
        name = self._name(answer)
        answer.write(self.folder / 'predictions' / f'{name}.json')
        self._predictions.writerow([
            answer.clip, answer.person, answer.file, answer.predicted,
            *(f'{value:.6f}' for value in answer.probabilities or ()),
            *([''] * (len(self.classes) - len(answer.probabilities))), answer.calibrated,
            ' '.join(answer.prediction_set or ()), ' '.join(dict.fromkeys(doubt.code for doubt in answer.doubts)),
            _rounded(answer.duration), _rounded(answer.rate), answer.frames, _rounded(answer.lost),
            '; '.join(answer.notes), answer.error])
        for window in answer.windows:
            self._windows.writerow([
                answer.clip, answer.person, answer.file, _rounded(window.start), _rounded(window.end),
                *(f'{value:.6f}' for value in window.probabilities), window.padded, ' '.join(window.doubts)])
        return name

    def _name(self, answer: Answer) -> str:
        return file_name(answer.clip, self.names, f'_person{answer.person}' if answer.person else '')


def file_name(clip: str, taken: set[str], ending: str = '') -> str:
    """A file name for a clip that no other one has, on any file system.

    Args:
        clip: Name of the clip.
        taken: Names that others have, in lower case; gets this one too.
        ending: What to put after the clip's name.
    """
    plain = re.sub(r'[^\w.-]+', '_', clip).strip('._') or 'recording'
    plain = plain[:150] + ending
    name, count = plain, 1
    while name.lower() in taken:
        count += 1
        name = f'{plain}_{count}'
    taken.add(name.lower())
    return name


@contextlib.contextmanager
def open_output(folder: str | os.PathLike, classes: Sequence[str]) -> Iterator[OutputFolder]:
    """Write answers to a folder, one after the other; the tables are complete, or not written.

    Args:
        folder: The folder, which is made if it does not exist.
        classes: Names of the classes.
    """
    folder = Path(folder)
    (folder / 'predictions').mkdir(parents=True, exist_ok=True)
    with atomic_open(folder / 'predictions.csv', newline='', encoding='utf-8') as predictions, \
            atomic_open(folder / 'windows.csv', newline='', encoding='utf-8') as windows:
        yield OutputFolder(folder, csv.writer(predictions), csv.writer(windows), classes)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
