"""Convert the acted pathological gaits by Kinect v2 (Jun 2020) into one annotation file.

    python -m dynstg_mm acted-gait FOLDER --min-seconds 3 --out data/acted_gait/acted_gait.pkl

FOLDER holds the source's files, <person>_<gait><walk>_SkeletonData<sensor>.csv at any depth, or their condensed form,
human<k>.npz. Ten people acted each of six gaits; they are not patients. Joint positions are in metres with y up, at
even 30 frames per second. A frame is lost if it is damaged or within a gap above 0.2 s.

The files of one walk are views of it by several sensors. All splits are 5 folds of two people each:
`acted_gait_sensor<s>` has one sensor, `acted_gait_all_sensors` all, and `acted_gait_unseen_sensor<s>` is trained on the
other sensors and tested on this one, with other people.
"""
import argparse
import os
import re
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.commands.common import one_line_errors
from dynstg_mm.datasets.annotation_file import describe
from dynstg_mm.datasets.site_folds import crossed_splits
from dynstg_mm.errors import DataError
from dynstg_mm.gait.signal import at_even_times
from dynstg_mm.importers import EmptyRecording, find_files, read_files
from dynstg_mm.importers.kinect import JOINTS, read_table, time_steps
from dynstg_mm.importers.npz import read_arrays
from dynstg_mm.importers.recording import UPRIGHT
from dynstg_mm.importers.writing import check_out, drop_duplicates, listing, summary, write, written

CLASSES = ('normal', 'antalgic', 'stiff_legged', 'lurch', 'steppage', 'trendelenburg')
NAME = re.compile(rf'(?P<walk>(?P<person>human\d+)_(?P<gait>{"|".join(CLASSES)})\d+)_SkeletonData(?P<sensor>\d)')
RATE = 30.
MAX_GAP = 0.2  # seconds without a frame that are interpolated
ROOM = 6.5  # metres from the origin, within which all walks are
LOWEST = 0.6  # metres from the lowest joint to the highest, below which a frame is damaged

Clip = dict[str, Any]


def read_clips(_: str, path: Path, sensors: Collection[int] = ()) -> list[Clip]:
    """Annotations of a file of the source, or of a condensed one.

    Args:
        path: The file.
        sensors: Numbers of the sensors to keep; by default all.

    Raises:
        DataError: The file is damaged; the message names the line or the field.
    """
    if path.suffix == '.npz':
        return [clip_of(f'{path}: clip {name}', name, *recording) for name, *recording in read_condensed(path)
                if not sensors or int(parse_name(path, name)['sensor']) in sensors]
    if sensors and int(parse_name(path, path.stem)['sensor']) not in sensors:
        return []
    return [clip_of(str(path), path.stem, *read_table(path))]


def parse_name(where: str | os.PathLike, name: str) -> re.Match[str]:
    """Walk, person, gait and sensor in a recording's name; DataError if it is not named as in the source."""
    match = NAME.fullmatch(name)
    if match is None:
        raise DataError(f'{where}: name: {name}; expected human<k>_<gait><walk>_SkeletonData<sensor>, with a gait of '
                        f'{", ".join(CLASSES)}.')
    return match


def read_condensed(path: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, times (T,) and places (T, 25, 3) of each recording of a condensed file.

    Raises:
        DataError: A field is missing or wrong.
    """
    arrays = read_arrays(path)
    missing = [field for field in ('names', 'offsets', 'time', 'keypoints', 'scale') if field not in arrays]
    if missing:
        raise DataError(f'{path}: {missing[0]}: missing; expected names, offsets, time, keypoints and scale.')
    names, offsets, whole = arrays['names'], arrays['offsets'], arrays['keypoints']
    frames = len(whole) if whole.ndim else 0
    for field, shape, kinds in (('names', (names.size, ), 'U'), ('offsets', (names.size + 1, ), 'iu'),
                                ('time', (frames, ), 'f'), ('keypoints', (frames, JOINTS, 3), 'i'),
                                ('scale', (), 'f')):
        if arrays[field].shape != shape or arrays[field].dtype.kind not in kinds:
            raise DataError(f'{path}: {field}: {describe(arrays[field])}; expected shape {shape}.')
    if (np.diff(offsets, prepend=0, append=frames) < [0, *[1] * names.size, 0]).any() or offsets[-1] != frames:
        raise DataError(f'{path}: offsets: expected the first frame of each recording, and the number of frames.')
    limit = np.iinfo(whole.dtype).max  # from here on, a place is out of range; the number below all is NaN
    for name, start, stop in zip(names, offsets, offsets[1:]):
        part = whole[start:stop].astype(float)
        yield str(name), arrays['time'][start:stop].astype(float), np.where(
            np.abs(part) < limit, part * float(arrays['scale']), np.nan)


def clip_of(where: str, name: str, times: np.ndarray, places: np.ndarray) -> Clip:
    """Annotation of a recording, with y up and even times.

    Args:
        where: Names the recording in errors.
        name: Its name in the source.
        times: Seconds (T,), which may begin again after 60.
        places: Shape (T, 25, 3), in metres with z up, of which some may be no numbers or absurd.

    Raises:
        DataError: The name or a time is wrong.
        EmptyRecording: Fewer than two frames show a body.
    """
    match = parse_name(where, name)
    seconds = np.append(0, time_steps(where, times).cumsum())
    whole = (np.abs(places) < ROOM).all((1, 2))  # where one number is damaged, the others are too
    whole[whole] = np.ptp(places[whole][..., 2], axis=1) > LOWEST
    if whole.sum() < 2:
        raise EmptyRecording.of(where, 'keypoint', len(places))
    keypoint, seen = at_even_times(places[whole] @ np.array(UPRIGHT['z'], float).T, seconds[whole], RATE, MAX_GAP)
    score = np.repeat(seen[None, :, None], JOINTS, 2).astype(np.float32)
    return dict(frame_dir=name, subject=match['person'], label=CLASSES.index(match['gait']), walk=match['walk'],
                sensor=int(match['sensor']), camera=int(match['sensor']), rate=RATE, total_frames=len(seen), unit='m',
                keypoint=keypoint[None].astype(np.float32), keypoint_score=score)


def make_splits(clips: Sequence[Clip]) -> dict[str, list[str]]:
    """Folds of two people each, by their numbers: of each sensor, of all, and with a sensor left out of the training.

    Args:
        clips: Annotations.

    Returns:
        Name of each split -> names of its clips; nothing if there are fewer than three people.
    """
    people = sorted({clip['subject'] for clip in clips}, key=lambda subject: int(subject.removeprefix('human')))
    folds = [set(people[start:start + 2]) for start in range(0, len(people), 2)] if len(people) > 2 else []
    return crossed_splits(clips, 'acted_gait', 'sensor', folds)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folder', type=Path, help='holds the files of the source, or human<k>.npz')
    parser.add_argument('--out', default='data/acted_gait/acted_gait.pkl', help='annotation file to write')
    parser.add_argument('--sensor', type=int, nargs='+', default=[], help='keep only these sensors; by default all')
    parser.add_argument('--min-seconds', type=float, default=0., help='leave out shorter recordings; by default none')
    parser.add_argument('--skip-bad', action='store_true', help='leave broken files out')
    parser.add_argument('--jobs', type=int, default=0, help='processes; by default one per core')
    args = parser.parse_args(argv)
    with one_line_errors():
        check_out(args.out)
        condensed = {path.stem: path for path in sorted(args.folder.glob('human*.npz'))}
        read, bad = read_files(condensed or find_files('kinect', args.folder), partial(read_clips, sensors=args.sensor),
                               jobs=args.jobs, skip_bad=args.skip_bad)
        clips, doubles = drop_duplicates([clip for part in read.values() for clip in part])
        long = [clip for clip in clips if clip['total_frames'] >= args.min_seconds * RATE]
        if not long:
            raise DataError(f'{args.folder}: no recording is left; expected another --sensor, or a lower '
                            '--min-seconds.')
        data = dict(split=make_splits(long), annotations=long, classes=list(CLASSES), layout='nturgb+d')
        write(data, args.out)
        gaps = sum(not clip['keypoint_score'].all() for clip in long)
        notes = [f'{gaps} recordings have a gap above {MAX_GAP:g} s, whose frames are lost'] * bool(gaps)
        notes += [f'{len(clips) - len(long)} recordings are shorter than {args.min_seconds:g} s; left out'] * (
            len(long) < len(clips))
        notes += ['no folds, since there are fewer than three people'] * (not data['split'])
        print('\n'.join([summary(long, CLASSES), *listing('left out', bad), *listing('duplicate', doubles),
                         *listing('note', notes), written(data, args.out)]))
    return 0
