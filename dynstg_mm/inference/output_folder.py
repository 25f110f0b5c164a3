"""The folder that predict writes."""
from __future__ import annotations

import contextlib
import csv
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dynstg_mm.errors import UserError
from dynstg_mm.files import atomic_open
from dynstg_mm.importers import MANY_CLIPS
from dynstg_mm.importers.unlabelled import Source
from dynstg_mm.inference.answer import Answer
from dynstg_mm.inference.answer_figures import FIGURES
from dynstg_mm.inference.journal import Journal

JOURNAL = '.unfinished.jsonl'
OUTPUTS = 'predictions', 'visualizations', 'predictions.csv', 'windows.csv'
ENDINGS = ('.html', '.mp4', '.gif', *(f'_{figure}.{form}' for figure in FIGURES for form in ('svg', 'pdf')))


class OutputFolder:
    """`predictions/NAME.json` of each answer, and the tables `predictions.csv` and `windows.csv`.

    A name is that of the clip; a further person has `_person1`, ... after it. Use `open_output`.

    Args:
        folder: The folder.
        predictions, windows: Writers of the tables.
        classes: Names of the classes.
        journal: What is finished.

    Attributes:
        kept: Name -> answer that the same call has written before it was stopped. stopped: This call is stopped, too,
        and the next one may resume it.
    """

    def __init__(self, folder: Path, predictions: Any, windows: Any, classes: Sequence[str], journal: Journal) -> None:
        self.folder, self.classes = folder, classes
        self._predictions, self._windows, self._journal = predictions, windows, journal
        self.stopped = False
        probabilities = [f'probability_{name}' for name in classes]
        predictions.writerow(['clip', 'person', 'file', 'predicted', *probabilities, 'calibrated', 'prediction_set',
                              'doubts', 'seconds', 'rate', 'frames', 'lost', 'notes', 'error'])
        windows.writerow(['clip', 'person', 'file', 'start', 'end', *probabilities, 'short', 'doubts'])
        self.kept = self._read_kept()
        self._names = {name.lower() for name in self.kept}
        self._clips = {(answer.file, answer.clip) for answer in self.kept.values()}
        self._files = {answer.file for answer in self.kept.values()}
        self._further = [path.stem for path in (folder / 'predictions').glob('*_person*.json')]  # of an earlier call
        for answer in self.kept.values():
            self._add_rows(answer)

    def _read_kept(self) -> dict[str, Answer]:
        """The answers of a stopped call to all persons of a clip whose file has not changed."""
        clips: dict[tuple[str, str], list[Any]] = {}
        for entry in self._journal.entries:
            if entry['state'] == _state(entry['file']):
                clips.setdefault((entry['file'], entry['clip']), []).append(entry)
        kept: dict[str, Answer] = {}
        for entries in clips.values():
            with contextlib.suppress(UserError, OSError):
                answers = {entry['name']: Answer.read(self._json(entry['name'])) for entry in entries}
                kept |= answers if len(answers) == entries[0]['persons'] else {}
        return kept

    def has(self, clip: Mapping[str, Any]) -> bool:
        """Whether all answers about a clip are kept."""
        return (clip.get('file'), clip.get('frame_dir')) in self._clips

    def has_file(self, source: object) -> bool:
        """Whether all answers about a file are kept, so that it need not be read."""
        return isinstance(source, Source) and source.format not in MANY_CLIPS and source.file in self._files

    def add(self, answer: Answer) -> str:
        """Write the JSON file of an answer, and remove what an earlier call wrote about the recording.

        Returns:
            Its name.
        """
        name = file_name(answer.clip, self._names, f'_person{answer.person}' if answer.person else '')
        self._remove(name)
        if not answer.person:
            for other in self._further:
                if other.startswith(f'{name}_person') and other.lower() not in self._names:
                    self._remove(other)
        answer.write(self._json(name))
        return name

    def finish(self, answer: Answer, name: str, persons: int) -> None:
        """Add an answer to the tables. If there is one, all files about it are written, and it is kept.

        Args:
            answer: The answer.
            name: Its name.
            persons: How many answers there are about this clip; 0 if it is to be answered again.
        """
        self._add_rows(answer)
        if answer.error is None and answer.file is not None and persons:
            self._journal.add(name=name, file=answer.file, clip=answer.clip, persons=persons,
                              state=_state(answer.file))

    def _add_rows(self, answer: Answer) -> None:
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
                *(f'{value:.6f}' for value in window.probabilities), window.short, ' '.join(window.doubts)])

    def _json(self, name: str) -> Path:
        return self.folder / 'predictions' / f'{name}.json'

    def _remove(self, name: str) -> None:
        self._json(name).unlink(missing_ok=True)
        for ending in ENDINGS:
            (self.folder / 'visualizations' / (name + ending)).unlink(missing_ok=True)


def file_name(clip: str, taken: set[str], ending: str = '') -> str:
    """A file name for a clip that no other one has, on any file system.

    Args:
        clip: Name of the clip.
        taken: Names that others have, in lower case; gets this one too.
        ending: What to put after the clip's name.
    """
    plain = re.sub(r'[^\w.-]+', '_', clip).strip('._') or 'recording'
    plain = plain.encode()[:150].decode(errors='ignore') + ending
    name, count = plain, 1
    while name.lower() in taken:
        count += 1
        name = f'{plain}_{count}'
    taken.add(name.lower())
    return name


@contextlib.contextmanager
def open_output(folder: str | os.PathLike, classes: Sequence[str], call: Mapping[str, Any]) -> Iterator[OutputFolder]:
    """Write answers to a folder, one after the other; the tables are written at the end, unless there is an error.

    Args:
        folder: The folder, which is made if it does not exist.
        classes: Names of the classes.
        call: What is asked of which model. If such a call was stopped, what it has answered is kept.
    """
    folder = Path(folder)
    (folder / 'predictions').mkdir(parents=True, exist_ok=True)
    options = dict(newline='', encoding='utf-8', errors='backslashreplace')  # a file's name may be no text
    with atomic_open(folder / 'predictions.csv', **options) as predictions, \
            atomic_open(folder / 'windows.csv', **options) as windows:
        journal = Journal(folder / JOURNAL, call)
        out = OutputFolder(folder, csv.writer(predictions), csv.writer(windows), classes, journal)
        yield out
    if not out.stopped:
        journal.close()


def _state(file: str) -> list[int] | None:
    """What changes if somebody writes a file, or into a folder; None without one."""
    try:
        state = os.stat(file)
    except OSError:
        return None
    return [state.st_mtime_ns, state.st_size]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
