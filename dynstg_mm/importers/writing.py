"""Writing an annotation file, and the summary of a conversion."""
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.datasets.exact_copies import exact_copies
from dynstg_mm.datasets.folds import split_task
from dynstg_mm.errors import DataError
from dynstg_mm.files import dump_pickle
from dynstg_mm.gait.person import tracked_person
from dynstg_mm.gait.visibility import lost_shares, seen_joints
from dynstg_mm.text import few, markdown

Clip = dict[str, Any]


def check_out(out: str | os.PathLike) -> None:
    """Refuse a folder as the file to write, before the long work."""
    if Path(out).is_dir():
        raise DataError(f'{out}: a folder; expected the name of the file to write.')


def write(data: dict[str, Any], out: str | os.PathLike, *, shared_subjects: bool = False) -> None:
    """Check an annotation file and write it, whole or not at all.

    Args:
        data: Its content.
        out: The file.
        shared_subjects: Accept subjects on both sides of a split.

    Raises:
        DataError: `GaitDataset` would refuse the file, or the disk does not take it.
    """
    for fault in AnnotationFile(data, out).faults():
        if not (shared_subjects and fault.kind == 'subject_leak'):
            raise fault.error(out)
    try:
        dump_pickle(data, out)
    except OSError as error:
        raise DataError(f'{out}: not written, and left as it was: {error.strerror or error}.') from None


def drop_duplicates(clips: Sequence[Clip]) -> tuple[list[Clip], list[str]]:
    """The first clip of each recording, and a line about each exact copy of it.

    Raises:
        DataError: A recording has two labels.
    """
    by_name, kept, lines = {clip['frame_dir']: clip for clip in clips}, [], []
    for first, *others in exact_copies({name: clip['keypoint'] for name, clip in by_name.items()}):
        kept.append(by_name[first])
        for other in others:
            if by_name[other]['label'] != by_name[first]['label']:
                raise DataError(f'clip {other}: label: another one than that of {first}, which is the same recording; '
                                'use --keep-duplicates to keep both.')
            lines.append(f'{other} is the same recording as {first}; left out')
    return kept, lines


def summary(clips: Sequence[Clip], classes: Sequence[str]) -> str:
    """Table of the classes: subjects, clips, rates, lengths, and what is lost, measured as by the audit."""
    groups = [(name, [clip for clip in clips if clip['label'] == index]) for index, name in enumerate(classes)]
    rows = [['class', 'subjects', 'clips', 'rates per s', 'seconds', 'lost joints', 'lost frames']]
    for name, members in [*groups, ('all', list(clips))]:
        if not members:
            rows.append([name, '0', '0', *[''] * 4])
            continue
        rates = [f'{rate:g}' for rate in sorted({clip['rate'] for clip in members})]
        seconds = [clip['total_frames'] / clip['rate'] for clip in members]
        joints, frames = np.mean([_lost(clip) for clip in members], axis=0)
        rows.append([name, str(len({clip['subject'] for clip in members})), str(len(members)),
                     ', '.join(rates) if len(rates) < 5 else f'{rates[0]} to {rates[-1]}',
                     f'{min(seconds):.1f} to {max(seconds):.1f}, median {np.median(seconds):.1f}',
                     f'{joints:.1%}', f'{frames:.1%}'])
    return markdown(rows)


def _lost(clip: Clip) -> tuple[float, float]:
    """Share of lost joints, and of lost frames, of the person whom a clip is about."""
    keypoint, score = clip['keypoint'], clip.get('keypoint_score')
    person, _ = tracked_person(keypoint, score)
    frames, joints = lost_shares(seen_joints(keypoint[person], None if score is None else score[person]))
    return float(joints.mean()), frames


def listing(title: str, lines: Sequence[str], most: int = 20) -> list[str]:
    """Lines of the summary: the first of many, and the number of the others."""
    shown = [f'{title}: {line}' for line in lines[:most]]
    return shown + [f'{title}: {len(lines) - most} more'] * (len(lines) > most)


def by_note(notes: Iterable[tuple[str, str]], most: int = 3) -> list[str]:
    """A line for each note, with the clips that it is about.

    Args:
        notes: Clip and note.
        most: How many clips to name.
    """
    clips: dict[str, list[str]] = {}
    for clip, note in notes:
        clips.setdefault(note, []).append(clip)
    return [f'{few(about, most=most)}: {note}' for note, about in clips.items()]


def written(data: dict[str, Any], out: str | os.PathLike) -> str:
    """The last line of a summary."""
    names = sorted({split_task(split) for split in data['split']})
    return f'{out}: {len(data["annotations"])} clips, {len(data["split"])} splits ({", ".join(names) or "none"})'
