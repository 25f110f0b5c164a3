"""Convert a folder of KOA-PD-NM keypoint files (OpenPose BODY_25) into one annotation file.

    python -m dynstg_mm koa-pd-nm FOLDER --out data/koa_pd_nm/koa_pd_nm.pkl

The file holds every walk with its subject, group, stage, pass and rate, and 5 folds by subject of three tasks: `koa_nm`
(NM 0, KOA 1), `three_class` (NM 0, KOA 1, PD 2) and `koa_stage` (EL 0, MD 1, SV 2). Since a clip has one label in
MMAction2, a KOA walk is listed twice: by its group, and as `stage/<name>` by its stage; the keypoints are shared. The
stages are also the grades of the ordinal target `koa_stage`.

The same walks seen by another pose estimator become a file with 13 joints and the same folds, for `--test-on`:

    python -m dynstg_mm koa-pd-nm FOLDER --layout gait_13 --folds-of data/koa_pd_nm/koa_pd_nm.pkl \
        --out data/koa_pd_nm/mediapipe.pkl
"""
import argparse
import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dynstg_mm.commands.common import one_line_errors
from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.errors import DataError
from dynstg_mm.importers import EmptyRecording, find_files, read_files, read_npz
from dynstg_mm.importers.arrange import arrange
from dynstg_mm.importers.splits import make_splits
from dynstg_mm.importers.writing import drop_duplicates, listing, summary, write, written

GROUPS, STAGES = ('NM', 'KOA', 'PD'), ('EL', 'MD', 'SV')
NAME = re.compile(r'(?P<id>\d+)_(?P<group>NM|KOA|PD)_(?P<pass>\d+)(_(?P<stage>EL|ML|MD|SV))?(_keypoints)?')
IMAGE = (1080, 1920)  # height, width of every video


def read_clip(name: str, path: Path, layout: str = 'body_25') -> dict[str, Any] | None:
    """Annotation of one keypoint file, or None if it has no frames."""
    match = NAME.fullmatch(path.stem)
    if match is None:
        raise DataError(f'{path}: name: expected <id>_<group>_<pass>[_<stage>][_keypoints].npz.')
    try:
        recording = read_npz(path, dims=2)[0]
    except EmptyRecording:
        return None
    if recording.joints is None or recording.rate is None:
        raise DataError(f'{path}: {"joint_names" if recording.joints is None else "fps"}: missing; expected keypoints, '
                        'fps and joint_names.')
    recording = arrange(recording, layout, path=path)
    group, stage = match['group'], match['stage'] or match['group']
    subject = f'{group}_{stage}_{match["id"]}'  # ids restart in every stage
    return dict(frame_dir=f'{subject}_{match["pass"]}', subject=subject, group=group, stage=stage,
                label=GROUPS.index(group), rate=recording.rate, total_frames=recording.keypoint.shape[1],
                img_shape=IMAGE, original_shape=IMAGE, keypoint=recording.keypoint,
                keypoint_score=recording.keypoint_score, **{'pass': int(match['pass'])})


def annotate(clips: list[dict[str, Any]], layout: str = 'body_25',
             splits: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    """Annotation file of the clips: the three tasks with their folds.

    Args:
        clips: The clips.
        layout: Their skeleton.
        splits: Splits of another file of these walks, to be used instead of new ones.
    """
    stages = [dict(clip, frame_dir=f'stage/{clip["frame_dir"]}', label=STAGES.index(clip['stage']),
                   targets=dict(koa_stage=clip['stage'])) for clip in clips if clip['group'] == 'KOA']
    tasks = dict(koa_nm=[clip for clip in clips if clip['group'] != 'PD'], three_class=clips, koa_stage=stages)
    split: dict[str, list[str]] = {}
    if splits is not None:
        known = {clip['frame_dir'] for clip in clips + stages}
        split = {name: [clip for clip in members if clip in known] for name, members in splits.items()}
    for name, members in tasks.items() if splits is None else ():
        if len({clip['label'] for clip in members}) > 1:
            split.update(make_splits(members, name, [5]))
    return dict(split=split, annotations=clips + stages, layout=layout,
                targets=dict(koa_stage=dict(type='ordinal', grades=list(STAGES))))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folder', type=Path, help='folder with the *_keypoints.npz files, at any depth')
    parser.add_argument('--out', default='data/koa_pd_nm/koa_pd_nm.pkl', help='annotation file to write')
    parser.add_argument('--layout', choices=['body_25', 'gait_13'], default='body_25', help='skeleton of the new file')
    parser.add_argument('--folds-of', metavar='FILE', help='use the folds of this annotation file')
    parser.add_argument('--skip-bad', action='store_true', help='leave broken files out')
    parser.add_argument('--jobs', type=int, default=0, help='processes; by default one per core')
    args = parser.parse_args(argv)
    with one_line_errors():
        read, bad = read_files(find_files('npz', args.folder), functools.partial(read_clip, layout=args.layout),
                               jobs=args.jobs, skip_bad=args.skip_bad)
        bad += [f'{name}: no frames' for name, clip in read.items() if clip is None]
        clips, doubles = drop_duplicates([clip for clip in read.values() if clip is not None])
        data = annotate(clips, args.layout, AnnotationFile.read(args.folds_of).splits if args.folds_of else None)
        write(data, args.out)
        print('\n'.join([summary(clips, GROUPS), *listing('left out', bad), *listing('duplicate', doubles),
                         written(data, args.out)]))
    return 0
