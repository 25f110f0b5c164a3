"""What was understood of the files, one line for each kind of them."""
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dynstg_mm.importers.marker_sets import marker_set
from dynstg_mm.importers.recording import Recording
from dynstg_mm.skeletons import Layout

COORDS = dict(pixel='pixels', normalized='shares of the image from 0 to 1', centered='shares of the image from -1 to 1')


def facts_of(recording: Recording, target: str | Layout | None, axis: str | None) -> tuple[str, ...]:
    """Skeleton, coordinates, vertical axis and persons of a recording.

    Args:
        recording: From a reader.
        target: The layout that it is mapped onto.
        axis: The vertical axis of 3-D coordinates.
    """
    own, names = recording.layout, recording.joints
    if isinstance(own, str):
        source = own
    elif names is not None:
        found = marker_set(names)
        source = f'{found} names' if found else f'names of {len(names)} joints'
    else:
        source = f'{recording.keypoint.shape[2]} joints without names' if own is None else 'the given skeleton'
    if target is not None and target != own:
        source += f' -> {target if isinstance(target, str) else "the given skeleton"}'
    if recording.keypoint.shape[-1] == 2:
        place = [COORDS[recording.coords]]
    else:
        place = [recording.unit or 'unknown unit (--unit)', f'{axis} up']
    count, kept = recording.persons, len(recording.keypoint)
    return source, *place, 'one person' if count == 1 else f'{count} persons, of whom {kept} kept'


def understood(recordings: Mapping[str, Recording], paths: Mapping[str, Any], rates: Mapping[str, float]) -> list[str]:
    """A line for each kind of files: format, skeleton, coordinates, vertical axis, persons and rate, with counts.

    Args:
        recordings: Clip -> recording, from `arrange`.
        paths: Clip -> what its reader takes.
        rates: Clip -> frames per second.
    """
    kinds: dict[str, list[str]] = {}
    for clip in recordings:
        path = paths[clip]
        kinds.setdefault(Path(path[0] if isinstance(path, list) else path).suffix.lower(), []).append(clip)
    return [_line(suffix, {str(file) for clip in clips for file in _files(paths[clip])},
                  [(*recordings[clip].facts, f'{rates[clip]:g} frames per second') for clip in clips])
            for suffix, clips in kinds.items()]


def _files(path: Any) -> list[Any]:
    return path if isinstance(path, list) else [path]


def _line(suffix: str, files: set[str], facts: list[tuple[str, ...]]) -> str:
    clips = len(facts)
    what = f'{len(files)} file{"s" * (len(files) > 1)} {suffix}'
    if len(files) != clips:
        what += f' of {clips} clip{"s" * (clips > 1)}'
    return f'{what}: {", ".join(map(_counted, zip(*facts)))}'


def _counted(values: Iterable[str]) -> str:
    """The value of all clips, or the values with the numbers of clips."""
    counts = Counter(values).most_common()
    if len(counts) == 1:
        return counts[0][0]
    shown = [f'{value} ({count})' for value, count in counts[:3]]
    return ' / '.join(shown + [f'{len(counts) - 3} others'] * (len(counts) > 3))
