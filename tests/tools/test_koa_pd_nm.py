import numpy as np
import pytest
from mmaction.registry import DATASETS

from dynstg_mm.commands.koa_pd_nm import read_clip
from dynstg_mm.safe_pickle import load_pickle

from ..conftest import ROOT

CONVERT = ROOT / 'tools/data/koa_pd_nm/convert.py'
NAMES = ['Nose', 'Neck', 'RShoulder', 'RElbow', 'RWrist', 'LShoulder', 'LElbow', 'LWrist', 'MidHip', 'RHip', 'RKnee',
         'RAnkle', 'LHip', 'LKnee', 'LAnkle', 'REye', 'LEye', 'REar', 'LEar', 'LBigToe', 'LSmallToe', 'LHeel',
         'RBigToe', 'RSmallToe', 'RHeel']


def write(folder, name, seed, frames=40, fps=50., **changes):
    keypoints = np.random.default_rng(seed).random((frames, 25, 3), dtype=np.float32) if frames else np.zeros(0)
    path = folder / f'{name}_keypoints.npz'
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{**dict(keypoints=keypoints, joint_names=np.array(NAMES), fps=fps), **changes})
    return path


@pytest.fixture
def folder(tmp_path):
    """Five subjects of each group and stage, two passes each, as the source lays them out; one clip is empty."""
    raw, seed = tmp_path / 'raw files', 0
    for group, stages in (('NM', [None]), ('KOA', ['EL', 'MD', 'SV']), ('PD', ['ML'])):
        for stage in stages:
            for subject in range(1, 6):
                for walk in (1, 2):
                    seed += 1
                    stem = f'{subject:03d}_{group}_{walk:02d}' + (f'_{stage}' if stage else '')
                    write(raw / group / (stage or group), stem, seed, fps=30. if group == 'NM' else 50.)
    write(raw / 'NM/NM', '006_NM_01', 0, frames=0, fps=0.)
    return raw


def test_folder_becomes_an_annotation_file(folder, tmp_path, run_tool):
    out = tmp_path / 'koa.pkl'
    done = run_tool(CONVERT, folder, '--out', out)
    assert done.returncode == 0, done.stdout
    assert 'left out: 006_NM_01_keypoints: no frames' in done.stdout and '80 clips, 30 splits' in done.stdout
    data = load_pickle(out)
    assert data['layout'] == 'body_25'
    clip = next(clip for clip in data['annotations'] if clip['frame_dir'] == 'KOA_SV_002_02')
    assert (clip['subject'], clip['group'], clip['stage'], clip['pass'], clip['rate']) == (
        'KOA_SV_002', 'KOA', 'SV', 2, 50.)
    assert len({clip['subject'] for clip in data['annotations']}) == 25  # ids start again in every stage
    for task, type, sizes in (('koa_nm', 'KOANMDataset', {10, 30}), ('three_class', 'KOAPDNMDataset', {10, 30}),
                              ('koa_stage', 'KOAStageDataset', {10})):
        tested = []
        for fold in range(5):
            own, stock = ([clip['label'] for clip in DATASETS.build(dict(ann_file=str(out), pipeline=[], **options))]
                          for options in (dict(type=type, split=task, fold=fold, test_mode=True, layout='body_25'),
                                          dict(type='PoseDataset', split=f'{task}_fold{fold}_test')))
            assert own == stock
            tested += own
        assert set(np.bincount(tested)) == sizes
    graded = DATASETS.build(dict(type='GaitDataset', ann_file=str(out), pipeline=[], split='koa_stage', fold=0,
                                 targets=['koa_stage']))
    stages = DATASETS.build(dict(type='KOAStageDataset', ann_file=str(out), pipeline=[], split='koa_stage', fold=0))
    assert graded.metainfo['classes'] == stages.metainfo['classes']
    assert [graded[index]['targets'][0] for index in range(len(graded))] == [clip['label'] for clip in stages]


@pytest.mark.parametrize('break_it, message', [
    (lambda path: path.write_bytes(path.read_bytes()[:100]), 'not a readable .npz'),
    (lambda path: path.write_bytes(b''), 'not a readable .npz'),
    (lambda path: write(path.parent, '001_NM_01', 0, keypoints=np.zeros((9, 17, 3))),
     '25 names; keypoints has 17 joints'),
    (lambda path: write(path.parent, '001_NM_01', 0, keypoints=np.zeros((9, 25, 4))), 'keypoints: 4 numbers'),
    (lambda path: write(path.parent, '001_NM_01', 0, joint_names=np.array(['Nose', 'Neck', *range(23)])),
     'joints: right_shoulder, '),
    (lambda path: write(path.parent, '001_NM_01', 0, fps=np.float64(0)), 'fps: 0'),
    (lambda path: write(path.parent, '001_NM_01', 0, fps=np.array([{}], dtype=object)), 'not a readable .npz'),
    (lambda path: path.rename(path.with_name('somebody_keypoints.npz')), 'name: expected'),
])
def test_wrong_file_is_one_line_and_the_old_result_stays(folder, tmp_path, error_of, break_it, message):
    out = tmp_path / 'koa.pkl'
    out.write_bytes(b'old')
    break_it(folder / 'NM/NM/001_NM_01_keypoints.npz')
    assert message in error_of(CONVERT, folder, '--out', out)
    assert out.read_bytes() == b'old'


def test_missing_folder_is_one_line(tmp_path, error_of):
    assert 'nowhere: no such file' in error_of(CONVERT, tmp_path / 'nowhere')
    assert 'no *.npz in or below it' in error_of(CONVERT, tmp_path)


def test_joints_are_found_by_name(folder, tmp_path):
    turned = np.array(NAMES[::-1])
    path = folder / 'NM/NM/001_NM_01_keypoints.npz'
    with np.load(path) as file:
        straight, content = read_clip('001_NM_01', path), dict(file)
    np.savez(path, **dict(content, keypoints=content['keypoints'][:, ::-1], joint_names=turned))
    clip = read_clip('001_NM_01', path)
    assert np.array_equal(clip['keypoint'], straight['keypoint']) and clip['keypoint'].shape == (1, 40, 25, 2)
