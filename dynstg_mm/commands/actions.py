"""Convert a set of everyday actions by Kinect v1 into one annotation file: MSR Action3D, UTD-MHAD or UTKinect.

    python -m dynstg_mm actions msr-action3d FOLDER --only files_used_in_cvpr12_paper.txt --splits tr_te_splits.mat
    python -m dynstg_mm actions utd-mhad FOLDER
    python -m dynstg_mm actions utkinect FOLDER --by-sequence

FOLDER holds the published files, at any depth: a<k>_s<k>_e<k>_skeleton3D.txt (real-world coordinates),
a<k>_s<k>_t<k>_skeleton.mat, or joints_s<k>_e<k>.txt with actionLabel.txt. Joint positions are in metres with y up, in
the layout `kinect`. The splits, of which <set> is msr_action3d, utd_mhad or utkinect:

    <set>          one fold: people with odd numbers are trained on, the others tested (not UTKinect)
    <set>_loso     one fold a person
    <set>_half<k>  one fold: the k-th split of --splits, whose other half of the people is tested
    utkinect_by_sequence  with --by-sequence, one fold a recording, in which people are on both sides
"""
import argparse
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.commands.common import one_line_errors
from dynstg_mm.datasets.folds import folds_by
from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.importers import EmptyRecording, read_files
from dynstg_mm.importers.actions import (
    UTKINECT_ACTIONS,
    ActionClip,
    read_half_splits,
    read_msr_action3d,
    read_utd_mhad,
    read_utkinect,
    read_utkinect_labels,
)
from dynstg_mm.importers.writing import check_out, drop_duplicates, listing, summary, write, written

MSR = ('high arm wave', 'horizontal arm wave', 'hammer', 'hand catch', 'forward punch', 'high throw', 'draw x',
       'draw tick', 'draw circle', 'hand clap', 'two hand wave', 'side boxing', 'bend', 'forward kick', 'side kick',
       'jogging', 'tennis swing', 'tennis serve', 'golf swing', 'pick up and throw')
UTD = ('swipe left', 'swipe right', 'wave', 'clap', 'throw', 'cross arms', 'basketball shoot', 'draw x',
       'draw circle clockwise', 'draw circle counter-clockwise', 'draw triangle', 'bowling', 'boxing', 'baseball swing',
       'tennis swing', 'arm curl', 'tennis serve', 'push', 'knock', 'catch', 'pick up and throw', 'jog', 'walk',
       'sit to stand', 'stand to sit', 'lunge', 'squat')
CLASSES = {'msr-action3d': MSR, 'utd-mhad': UTD, 'utkinect': UTKINECT_ACTIONS}
FILES = {'msr-action3d': '*_skeleton3D.txt', 'utd-mhad': '*_skeleton.mat', 'utkinect': 'joints_*.txt'}
# The three sets of eight actions of MSR Action3D (Li 2010, table 1), by their numbers from 1
ACTION_SETS = dict(as1=(2, 3, 5, 6, 10, 13, 18, 20), as2=(1, 4, 7, 8, 9, 11, 12, 14), as3=(6, *range(14, 21)))

Clip = dict[str, Any]


def read_clips(_: str, path: Path, name: str, labels: Mapping[str, Any] | None = None) -> tuple[list[Clip], str | None]:
    """Annotations of a file of a set; none, and a line that says why, if it shows nobody.

    Args:
        path: The file.
        name: The set, a key of `CLASSES`.
        labels: Of UTKinect.

    Raises:
        DataError: The file is damaged; the message names the line or the field.
    """
    try:
        found = (read_utkinect(path, labels or {}) if name == 'utkinect' else
                 read_msr_action3d(path) if name == 'msr-action3d' else read_utd_mhad(path))
    except EmptyRecording as error:
        return [], str(error)
    return [annotation(clip) for clip in found], None


def annotation(clip: ActionClip) -> Clip:
    """Annotation of a clip; a joint has score 1, or 0 if it is lost."""
    keypoint = clip.keypoint[None]
    return dict(frame_dir=clip.name, subject=f's{clip.subject:02}', label=clip.action, trial=clip.trial, rate=clip.rate,
                total_frames=keypoint.shape[1], unit='m', keypoint=keypoint,
                keypoint_score=seen_joints(keypoint).astype(np.float32))


def make_splits(clips: Sequence[Clip], name: str, halves: Sequence[Sequence[int]] = (),
                odd_even: bool = True) -> dict[str, list[str]]:
    """Odd against even people, one person a fold, and given halves of the people; nobody is on both sides.

    Args:
        clips: Annotations.
        name: Name of the task.
        halves: The people of each split that are trained on, by their numbers.
        odd_even: Also train on people with odd numbers, and test the others.

    Raises:
        DataError: A split leaves nobody to train on, or to test.
    """
    numbers = {clip['subject']: int(clip['subject'][1:]) for clip in clips}
    splits: dict[str, list[str]] = {}
    trained = {name: {1, 3, 5, 7, 9}} if odd_even else {}
    trained |= {f'{name}_half{index}': set(half) for index, half in enumerate(halves)}
    for task, people in trained.items():
        tested = {subject for subject, number in numbers.items() if number not in people}
        if not tested or len(tested) == len(numbers):
            raise DataError(f'{task}: people {", ".join(map(str, sorted(people)))} are trained on, and there are '
                            f'{", ".join(map(str, sorted(numbers.values())))}; expected some, not all.')
        splits |= folds_by(clips, task, [tested])
    alone = [{subject} for subject in sorted(numbers)] if len(numbers) > 1 else []
    return splits | folds_by(clips, f'{name}_loso', alone)


def find(folder: Path, pattern: str, only: Path | None = None) -> dict[str, Path]:
    """Files of a set, each once though a folder may have several copies; those that a list names.

    Args:
        folder: The folder.
        pattern: Of their names.
        only: A text file with the names of clips, such as a01_s01_e01.

    Raises:
        DataError: There is none, or one of the list is missing.
    """
    files = {path.stem: path for path in sorted(folder.rglob(pattern), reverse=True)}
    if not files:
        raise DataError(f'{folder}: no {pattern} in or below it.')
    if only is None:
        return dict(sorted(files.items()))
    if not only.is_file():
        raise DataError(f'{only}: no such file; expected a list of clips.')
    chosen = {}
    for clip in only.read_text(encoding='utf-8').split():
        stem = re.sub('(_skeleton(3D)?)?(.txt|.mat)?$', '', clip) + pattern.strip('*').partition('.')[0]
        if stem not in files:
            raise DataError(f'{only}: clip {clip}: no such file in {folder}.')
        chosen[stem] = files[stem]
    return chosen


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('set', choices=list(CLASSES), help='the data set')
    parser.add_argument('folder', type=Path, help='holds its files')
    parser.add_argument('--out', help='annotation file to write; by default data/<set>/<set>.pkl')
    parser.add_argument('--only', type=Path, metavar='LIST', help='text file with the names of the clips to keep')
    parser.add_argument('--actions', choices=list(ACTION_SETS), help='only eight actions of MSR Action3D')
    parser.add_argument('--splits', type=Path, metavar='FILE', help='.mat file with tr_subjects, halves of the people')
    parser.add_argument('--by-sequence', action='store_true',
                        help='UTKinect: leave one recording out, as in many papers; people are on both sides')
    parser.add_argument('--skip-bad', action='store_true', help='leave broken files out')
    parser.add_argument('--jobs', type=int, default=1, help='processes; 0 for one per core')
    args = parser.parse_args(argv)
    with one_line_errors():
        for option, wanted in (('actions', 'msr-action3d'), ('by_sequence', 'utkinect')):
            if getattr(args, option) and args.set != wanted:
                raise ConfigError(f'--{option.replace("_", "-")}: only for {wanted}.')
        print(convert(args))
    return 0


def convert(args: argparse.Namespace) -> str:
    """Write the annotation file of a call; returns the summary."""
    utkinect = args.set == 'utkinect'
    name = args.set.replace('-', '_')
    task = f'{name}_{args.actions}' if args.actions else f'{name}_by_sequence' if args.by_sequence else name
    out = args.out or f'data/{name}/{task}.pkl'
    check_out(out)
    halves = read_half_splits(args.splits) if args.splits else ()
    files, labels = find(args.folder, FILES[args.set], args.only), None
    notes: list[str] = []
    if utkinect:
        labels, notes = read_utkinect_labels(find(args.folder, 'actionLabel.txt')['actionLabel'])
    read, bad = read_files(files, partial(read_clips, name=args.set, labels=labels), jobs=args.jobs,
                           skip_bad=args.skip_bad)
    bad += [line for _, line in read.values() if line]
    clips, doubles = drop_duplicates([clip for part, _ in read.values() for clip in part])
    classes = CLASSES[args.set]
    if args.actions:
        kept = [number - 1 for number in ACTION_SETS[args.actions]]
        clips = [dict(clip, label=kept.index(clip['label'])) for clip in clips if clip['label'] in kept]
        classes = tuple(classes[number] for number in kept)
    if not clips:
        raise DataError(f'{args.folder}: no clip is left.')
    if utkinect:  # all actions of one recording
        clips = [dict(clip, session=f'{clip["subject"]}_e{clip["trial"]:02}') for clip in clips]
    if args.by_sequence:
        sessions = sorted({clip['session'] for clip in clips})
        splits = folds_by(clips, task, [{session} for session in sessions], by='session')
    else:
        splits = make_splits(clips, task, halves, odd_even=not utkinect)
    data = dict(split=splits, annotations=clips, classes=list(classes), layout='kinect')
    write(data, out, shared_subjects=args.by_sequence)
    lost = sum(not clip['keypoint_score'].all() for clip in clips)
    notes += [f'{lost} clips have frames that are lost'] * bool(lost)
    return '\n'.join([summary(clips, classes), *listing('left out', bad), *listing('duplicate', doubles),
                      *listing('note', notes), written(data, out)])
