import os
import sys
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from dynstg_mm.importers import read_bvh
from dynstg_mm.safe_pickle import load_pickle
from dynstg_mm.skeletons import LAYOUTS

from ..conftest import ROOT, run_script

CONVERT = ROOT / 'tools/data/msnd/convert.py'
CLASSES = dict(A='Joint Problem', B='Muscle Weakness', C='Neurological Defect', D='Healthy')


def hierarchy(joint, depth=0):
    """BVH lines of the layout's joint and those that hang off it, each 10 cm from the last, by the files' names."""
    layout = LAYOUTS['msnd']
    names = {joint: name for name, joint in layout['aliases'].items()}
    children = [child for child, parent in layout['inward'] if parent == joint]
    name, offset = names[layout['joints'][joint]], 'OFFSET 0 -10 0'
    if name.endswith('_end'):
        return ['End Site', '{', offset, '}']
    channels = 'CHANNELS 6 Xposition Yposition Zposition' if joint == 0 else 'CHANNELS 3'
    lines = [f'{"JOINT" if depth else "ROOT"} {name}', '{', offset, f'{channels} Zrotation Xrotation Yrotation']
    return lines + [line for child in children for line in hierarchy(child, depth + 1)] + ['}']


@pytest.fixture
def folder(tmp_path):
    """Five subjects of each class but four of one, two walks each; the healthy ones' second is the first again."""
    book, rng = openpyxl.Workbook(), np.random.default_rng(0)
    (tmp_path / 'raw/dataset').mkdir(parents=True)
    for letter, label in CLASSES.items():
        for subject in range(1, 5 if letter == 'A' else 6):
            for cycle in (1, 2):
                clip = f'Subject{letter}{subject}_Cycle{cycle}'
                book.active.append([clip, label])
                if letter != 'D' or cycle == 1:
                    motion = rng.random((5, 63)) * 20
                frames = [' '.join(f'{value:.4f}' for value in frame) for frame in motion]
                path = tmp_path / f'raw/dataset/{clip}.bvh'
                path.write_text('\r\n'.join(['HIERARCHY', *hierarchy(0), 'MOTION', 'Frames:\t5',
                                             'Frame Time:\t0.0166667', *frames]))
    book.save(tmp_path / 'raw/Annotations.xlsx')
    return tmp_path / 'raw'


def test_folder_becomes_an_annotation_file(folder, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'msnd.pkl'
    monkeypatch.setattr(sys, 'argv', ['convert.py', str(folder), '--out', str(out), '--jobs', '1'])
    run_script(str(CONVERT))
    said = capsys.readouterr().out
    assert 'duplicate: SubjectD1_Cycle2 is the same recording as SubjectD1_Cycle1; left out' in said
    data = load_pickle(out)
    assert data['layout'] == 'msnd' and data['classes'][0] == 'Healthy' and len(data['annotations']) == 33
    assert len(data['split']) == 2 * (5 + 19)
    clip = next(clip for clip in data['annotations'] if clip['frame_dir'] == 'SubjectA1_Cycle1')
    assert (clip['subject'], clip['label'], clip['rate'], clip['keypoint'].shape) == ('A1', 1, 60, (1, 5, 25, 3))
    place = dict(zip(LAYOUTS['msnd']['joints'], clip['keypoint'][0, 0]))
    for child, parent in LAYOUTS['msnd']['inward']:  # 10 cm are 0.1 m, however the joints turn
        joints = LAYOUTS['msnd']['joints']
        assert np.linalg.norm(place[joints[child]] - place[joints[parent]]) == pytest.approx(0.1, abs=1e-5)


def test_wrong_files_are_one_line(folder, tmp_path, error_of):
    out = tmp_path / 'msnd.pkl'
    (folder / 'dataset/SubjectB2_Cycle1.bvh').write_text('HIERARCHY')
    assert 'SubjectB2_Cycle1.bvh: motion: no line' in error_of(CONVERT, folder, '--out', out, '--jobs', 1)
    (folder / 'dataset/SubjectB2_Cycle1.bvh').unlink()
    assert 'clip SubjectB2_Cycle1: no such recording' in error_of(CONVERT, folder, '--out', out)
    (folder / 'Annotations.xlsx').write_bytes(b'PK')
    assert 'Annotations.xlsx: not a readable .xlsx file' in error_of(CONVERT, folder, '--out', out)
    (folder / 'Annotations.xlsx').unlink()
    assert 'Annotations.xlsx: no such file' in error_of(CONVERT, folder, '--out', out)
    assert not out.exists()


def test_all_files_by_clip_leak(folder, tmp_path, monkeypatch):
    out = tmp_path / 'data/msnd/msnd_by_clip.pkl'  # never in the place of the file by subject
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['convert.py', str(folder), '--jobs', '1', '--by-clip'])
    run_script(str(CONVERT))
    data = load_pickle(out)
    tested = [clip for fold in range(5) for clip in data['split'][f'msnd_by_clip_fold{fold}_test']]
    assert len(data['annotations']) == 38 == len(set(tested)) and len(data['split']) == 10
    subjects = [{clip.split('_')[0] for clip in data['split'][f'msnd_by_clip_fold0_{part}']}
                for part in ('train', 'test')]
    assert subjects[0] & subjects[1]


def test_forward_kinematics_agree_with_a_second_library(folder):
    """MSND=FOLDER runs it on the real files, too: every tenth frame of each."""
    bvhio = pytest.importorskip('bvhio')
    paths = sorted((folder / 'dataset').glob('*.bvh'))[:3]
    if 'MSND' in os.environ:
        paths += sorted(Path(os.environ['MSND']).rglob('*.bvh'))
    for path in paths:
        recording, root = read_bvh(path)[0], bvhio.readAsHierarchy(str(path))
        joints = [joint for joint, *_ in root.layout()]
        mine = [recording.joints.index(LAYOUTS['msnd']['aliases'].get(joint.Name, joint.Name)) for joint in joints]
        assert len(mine) == 20
        for frame in range(0, recording.keypoint.shape[1], 10 if path not in paths[:3] else 1):
            root.loadPose(frame)
            np.testing.assert_allclose(recording.keypoint[0, frame, mine], [joint.PositionWorld for joint in joints],
                                       atol=1e-3, err_msg=str(path))  # centimetres
