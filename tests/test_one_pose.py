"""A walk reaches a model as the same numbers, whatever skeleton its file has."""
import functools

import numpy as np
import pytest
from mmaction.registry import DATASETS

from dynstg_mm.config import parse_cfg_options, resolve_config
from dynstg_mm.datasets.synthetic_gait import FINE, JOINTS, draw_walker, walk
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import dump_pickle
from dynstg_mm.skeletons import LAYOUTS, map_joints, pelvis_joints

from .conftest import ROOT

SMALL = 'dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64'
CONFIGS = {2: f'{SMALL}-60e_koa-keypoint-2d', 3: f'{SMALL}-60e_msnd-keypoint-3d'}
HEAT_MAPS = 'posec3d/slowonly_r50_1xb16-w64-30e_koa-keypoint-2d'
FEATS = 'feats=j,b,a,rd,jm,bm,am,rdm'
TOES = ('big_toe', 'foot_index', 'toe_tip', 'foot', 'toes')


def maps_onto(source, target):
    try:
        return bool(map_joints(LAYOUTS[source]['joints'], LAYOUTS[target]))
    except ConfigError:
        return False


PAIRS = [(source, target) for target in LAYOUTS for source in LAYOUTS if source != target and maps_onto(source, target)]


@functools.cache
def body(dims):
    """Tracks (T, dims) of every joint of every layout, of a person who walks to the left; a joint stands for another
    where `map_joints` says so."""
    rng = np.random.default_rng(3)
    joints = dict(zip(JOINTS, walk(draw_walker('osteoarthritis', rng), 4, rng)[::FINE // 30].swapaxes(0, 1)))
    for side in ('left', 'right'):
        joints.update({f'{side}_{name}': joints[f'{side}_big_toe'] for name in TOES})
    shoulders, hips, ears = ((joints[f'left_{name}'] + joints[f'right_{name}']) / 2
                             for name in ('shoulder', 'hip', 'ear'))
    middle = (shoulders + hips) / 2
    joints.update(mid_hip=hips, spine_base=hips, head=ears, spine=middle, spine_mid=middle,
                  **dict.fromkeys(('neck', 'thorax', 'spine_shoulder'), shoulders))
    joints['nose'] = joints['neck_base'] = (joints['left_eye'] + joints['right_eye']) / 2
    for name in sorted({name for layout in LAYOUTS.values() for name in layout['joints']} - {*joints}):
        joints[name] = joints['nose'] + rng.normal(0, 0.2, 3)
    turned = {name: track * (-1, 1, -1) for name, track in joints.items()}
    return turned if dims == 3 else {name: 300 - 120 * track[:, :2] for name, track in turned.items()}


def lost(name, frames):
    """Frames in which a joint is lost, if no other joint stands for it."""
    hidden = np.zeros(frames, bool)
    if name.endswith(('knee', 'wrist')):
        hidden[40:52] = True
    return hidden


def inputs(path, source, target, dims, config=None, options=(), part='test', gaps=True, travel=True):
    """What a model of the layout `target` gets from a file in the layout `source`."""
    tracks = body(dims)
    keypoint = np.stack([tracks[name] for name in LAYOUTS[source]['joints']], 1)
    if not travel:
        keypoint = keypoint - (tracks['left_hip'] + tracks['right_hip'])[:, None] / 2 + 300
    score = np.ones(keypoint.shape[:2])
    for joint, name in enumerate(LAYOUTS[source]['joints'] if gaps else ()):
        score[lost(name, len(score)), joint] = 0
    keypoint = keypoint * (score > 0)[..., None]
    clip = dict(frame_dir='a', subject='a', label=0, rate=30., total_frames=len(keypoint), img_shape=(600, 900),
                original_shape=(600, 900), keypoint=keypoint[None], keypoint_score=score[None])
    dump_pickle(dict(annotations=[clip], split={}, layout=source), path)
    settings = resolve_config(ROOT / f'configs/{config or CONFIGS[dims]}.py', parse_cfg_options(options))
    settings = settings[f'{part}_dataloader'].dataset
    settings.update(ann_file=str(path), layout=target, split=None, fold=None)
    np.random.seed(0)
    return DATASETS.build(settings)[0]['inputs'].numpy()


def assert_same(ours, theirs):
    """To 1e-5; the second half of the channels is the change per second, at 25 frames a second."""
    half = ours.shape[-1] // 2
    np.testing.assert_allclose(ours[..., :half], theirs[..., :half], rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours[..., half:] / 25, theirs[..., half:] / 25, rtol=0, atol=1e-5)


@pytest.fixture
def given(tmp_path, read_once):
    return functools.partial(inputs, tmp_path / 'walk.pkl')


def test_most_layouts_are_compared():
    assert len(PAIRS) > 15 and {source for source, target in PAIRS if target == 'gait_13'} == {*LAYOUTS} - {'gait_13'}


@pytest.mark.parametrize('source, target', PAIRS)
@pytest.mark.parametrize('dims', [2, 3])
def test_a_mapped_walk_is_the_same_input(given, source, target, dims):
    for part, options in (('test', [FEATS]), ('train', [FEATS, 'joint_dropout=0.5'])):
        own = given(target, target, dims, part=part, options=options)
        assert_same(given(source, target, dims, part=part, options=options), own)
        assert np.isfinite(own).all() and own.std() > 0.1


@pytest.mark.parametrize('source', ['body_25', 'coco', 'nturgb+d'])
def test_a_mapped_walk_has_the_same_heat_maps(given, source):
    own, mapped = (given(layout, 'gait_13', 2, config=HEAT_MAPS) for layout in ('gait_13', source))
    np.testing.assert_allclose(mapped, own, atol=1e-5)


@pytest.mark.parametrize('dims', [2, 3])
@pytest.mark.parametrize('layout', [name for name in LAYOUTS if name != 'body_25'])
def test_models_of_all_layouts_see_a_joint_in_the_same_place(given, layout, dims):
    """Position, mirror displacement and their change are about the pelvis, wherever the graph has its root."""
    names = [name for name in LAYOUTS['body_25']['joints'] if name in LAYOUTS[layout]['joints']]
    ours, theirs = (given(one, one, dims, options=['feats=j,rd,jm,rdm'], gaps=False)[..., [
        LAYOUTS[one]['joints'].index(name) for name in names], :] for one in (layout, 'body_25'))
    assert_same(ours, theirs)
    assert len(names) >= 12


@pytest.mark.parametrize('layout', LAYOUTS)
def test_direction_on_a_treadmill_does_not_need_feet(given, layout):
    whole, still = (given(layout, layout, 2, options=['feats=j'], gaps=False, travel=far) for far in (True, False))
    knee = LAYOUTS[layout]['joints'].index('left_knee')
    np.testing.assert_array_equal(np.sign(whole[..., knee, 0].mean()), np.sign(still[..., knee, 0].mean()))


@pytest.mark.parametrize('layout, joints', [
    ('body_25', ['mid_hip']), ('h36m', ['mid_hip']), ('kinect', ['mid_hip']), ('msnd', ['mid_hip']),
    ('mpi_inf_3dhp', ['mid_hip']), ('nturgb+d', ['spine_base']), ('gait_13', ['left_hip', 'right_hip']),
    ('coco', ['left_hip', 'right_hip']), ('openpose', ['left_hip', 'right_hip']),
    ('mediapipe', ['left_hip', 'right_hip'])])
def test_pelvis_is_its_joint_or_both_hips(layout, joints):
    assert sorted(LAYOUTS[layout]['joints'][joint] for joint in pelvis_joints(LAYOUTS[layout])) == joints
