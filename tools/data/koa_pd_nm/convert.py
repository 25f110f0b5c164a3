"""Turn a folder of KOA-PD-NM keypoint files (OpenPose BODY_25) into one annotation file.

    python tools/data/koa_pd_nm/convert.py FOLDER --out data/koa_pd_nm/koa_pd_nm.pkl

The file holds every walk with its subject, group, stage, pass and rate, and 5 folds by subject of three tasks: `koa_nm`
(NM 0, KOA 1), `three_class` (NM 0, KOA 1, PD 2) and `koa_stage` (EL 0, MD 1, SV 2). A KOA walk stands there twice,
since MMAction2 knows one label a clip: by its group, and as `stage/<name>` by its stage; the keypoints are shared.
"""
import argparse
import hashlib
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
from rich.progress import track

from dynstg_mm.datasets.folds import subject_folds
from dynstg_mm.fileio import dump_pickle
from dynstg_mm.skeletons import get_layout

GROUPS, STAGES = ('NM', 'KOA', 'PD'), ('EL', 'MD', 'SV')
NAME = re.compile(r'(?P<id>\d+)_(?P<group>NM|KOA|PD)_(?P<pass>\d+)(_(?P<stage>EL|ML|MD|SV))?_keypoints')
IMAGE = (1080, 1920)  # height, width of every video
LETTERS = str.maketrans('', '', '_')


class FileError(ValueError):
    """A keypoint file cannot be used; the message names the file, the field, and what was expected."""


def read_clip(path):
    """Annotation of one keypoint file, or None where the video gave no frame."""
    match = NAME.fullmatch(path.stem)
    if match is None:
        raise FileError(f'{path}: name; expected <id>_<group>_<pass>[_<stage>]_keypoints.npz.')
    try:
        with np.load(path, allow_pickle=False) as file:
            keypoints, fps, names = file['keypoints'], float(file['fps']), [str(name) for name in file['joint_names']]
    except KeyError as error:
        raise FileError(f'{path}: {error.args[0]}; expected keypoints, fps and joint_names.') from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(f'{path}: not a readable .npz file ({error}).') from None
    joints = get_layout('body_25')['joints']
    if not keypoints.size:
        return None
    if keypoints.ndim != 3 or keypoints.shape[1:] != (len(joints), 3):
        raise FileError(f'{path}: keypoints: shape {keypoints.shape}; expected (frames, {len(joints)}, 3).')
    if [_plain(name) for name in names] != [name.translate(LETTERS) for name in joints]:
        raise FileError(f'{path}: joint_names: {names}; expected the order of BODY_25.')
    if not np.isfinite(keypoints).all():
        raise FileError(f'{path}: keypoints: NaN or infinite; expected zeros where a joint was not found.')
    if not fps > 0:
        raise FileError(f'{path}: fps: {fps:g}; expected the frames per second of the video.')
    group, stage = match['group'], match['stage'] or match['group']
    subject = f'{group}_{stage}_{match["id"]}'  # ids start again in every stage
    return dict(frame_dir=f'{subject}_{match["pass"]}', subject=subject, group=group, stage=stage,
                label=GROUPS.index(group), rate=fps, total_frames=len(keypoints), img_shape=IMAGE, original_shape=IMAGE,
                keypoint=keypoints[None, :, :, :2].astype(np.float32), keypoint_score=keypoints[None, :, :, 2].copy(),
                **{'pass': int(match['pass'])})


def _plain(name):
    """`RBigToe` -> `rightbigtoe`."""
    side = {'R': 'right', 'L': 'left'}.get(name[0]) if name[1:2].isupper() else None
    return (side + name[1:] if side else name).lower()


def read_folder(folder):
    """Clips of all keypoint files below `folder`, and notes on those left out."""
    paths = sorted(Path(folder).rglob('*_keypoints.npz'))
    if not Path(folder).is_dir():
        raise FileError(f'{folder}: no such folder.')
    if not paths:
        raise FileError(f'{folder}: no *_keypoints.npz below it.')
    clips, notes, seen = [], [], {}
    for path in track(paths, 'reading'):
        clip = read_clip(path)
        if clip is None:
            notes.append(f'{path.name}: no frames; left out')
            continue
        digest = hashlib.sha256(clip['keypoint'].tobytes()).digest()
        if digest in seen:
            notes.append(f'{path.name}: the same recording as {seen[digest]}; left out')
            continue
        seen[digest] = path.name
        clips.append(clip)
    return clips, notes


def annotate(clips):
    """Annotation file of the clips: the three tasks with their folds."""
    stages = [dict(clip, frame_dir=f'stage/{clip["frame_dir"]}', label=STAGES.index(clip['stage']))
              for clip in clips if clip['group'] == 'KOA']
    tasks = dict(koa_nm=[clip for clip in clips if clip['group'] != 'PD'], three_class=clips, koa_stage=stages)
    split = {}
    for name, members in tasks.items():
        if len({clip['label'] for clip in members}) > 1:
            split.update(subject_folds(members, name))
    return dict(split=split, annotations=clips + stages)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folder', help='folder with the *_keypoints.npz files, at any depth')
    parser.add_argument('--out', default='data/koa_pd_nm/koa_pd_nm.pkl', help='annotation file to write')
    args = parser.parse_args()
    try:
        clips, notes = read_folder(args.folder)
        data = annotate(clips)
        dump_pickle(data, args.out)
    except (FileError, ValueError, OSError) as error:
        sys.exit(f'error: {error}')
    print('\n'.join(['', *notes]))
    for group in GROUPS:
        members = [clip for clip in clips if clip['group'] == group]
        rates = sorted({clip['rate'] for clip in members})
        print(f'{group:4}{len({clip["subject"] for clip in members}):4} subjects {len(members):4} clips, '
              f'rates {", ".join(f"{rate:g}" for rate in rates)}')
    print(f'{args.out}: {len(clips)} clips, {len(data["split"])} splits')


if __name__ == '__main__':
    main()
