"""CARE-PD's files in small: the project writes them in the published form."""
import functools

import numpy as np
import pytest
from mmaction.registry import DATASETS
from scipy.spatial.transform import Rotation

from dynstg_mm.commands.care_pd import main
from dynstg_mm.datasets.annotation_file import AnnotationFile
from dynstg_mm.files import dump_pickle
from dynstg_mm.importers.care_pd import COHORTS, SCORES, SITES
from dynstg_mm.importers.smpl import posed_joints
from dynstg_mm.safe_pickle import load_pickle
from dynstg_mm.skeletons import LAYOUTS

from ..conftest import ROOT
from ..importers.written import person, pixels

CONVERT = ROOT / 'tools/data/care_pd/convert.py'
FRAMES = 40  # of the published joints
NAMES = dict(world='h36m_3d_world_floorXZZplus_30f_or_longer', sideright='h36m_3d_world2cam2img_sideright_'
             'floorXZZplus_30f_or_longer')
PEOPLE = {'BMCLab': [f'SUB{number:02d}' for number in range(7)], '3DGait': list(range(7)),
          'T-SDU-PD': ['A1', 'A2']}
REST = dict(mid_hip=(0, -.2, 0), left_hip=(.1, -.3, 0), left_knee=(.1, -.7, 0), left_ankle=(.1, -1.1, 0),
            left_foot=(.1, -1.15, .15), spine1=(0, -.1, 0), spine2=(0, 0, 0), spine3=(0, .1, 0), neck=(0, .3, 0),
            left_collar=(.1, .2, 0), head=(0, .4, 0), left_shoulder=(.2, .2, 0), left_elbow=(.5, .2, 0),
            left_wrist=(.7, .2, 0), left_hand=(.8, .2, 0))  # arms to the sides, facing z
REST |= {name.replace('left', 'right'): (-x, y, z) for name, (x, y, z) in REST.items() if 'left' in name}
REST = np.array([REST[name] for name in LAYOUTS['smpl']['joints']], float)
JOINT = {name: index for index, name in enumerate(LAYOUTS['smpl']['joints'])}


@functools.cache
def body(seed):
    """Somebody who walks towards z, (T, 17, 3), as the published arrays have it."""
    place = person('h36m', FRAMES, seed) @ np.array(((0, 0, 1), (0, 1, 0), (-1, 0, 0)))  # x becomes z
    return (place - [place[0, 0, 0], place[..., 1].min(), place[0, 0, 2]]).astype(np.float32)


def steps(cohort):
    return max(1, COHORTS[cohort] // 30)


def seed(cohort, number, index):
    """A number for each walk of all cohorts."""
    return 1000 * list(COHORTS).index(cohort) + 10 * number + index


def entry(cohort, number, index, **changes):
    frames, score = FRAMES * steps(cohort), number % 3
    about = dict(pose=np.zeros((frames, 72)), trans=np.full((frames, 3), seed(cohort, number, index)) / 1000,
                 beta=np.zeros(10), fps=COHORTS[cohort], UPDRS_GAIT=score, medication='ON' if score == 1 else None,
                 other=None)
    return about | changes


def write_cohort(folder, cohort, people=None, **changes):
    """A cohort's two files: every person has two walks; the score of a person is its number modulo 3."""
    people = PEOPLE[cohort] if people is None else people
    dump_pickle({who: {f'w{index}': entry(cohort, number, index, **changes) for index in (1, 2)}
                 for number, who in enumerate(people)}, folder / f'{cohort}.pkl')
    arrays = {}
    for number, who in enumerate(people):
        for index in (1, 2):
            whole = body(seed(cohort, number, index))
            for copy in range(steps(cohort)):
                end = f'_down{copy}' * (steps(cohort) > 1)
                arrays[f'{who}__w{index}{end}'] = whole + np.float32(copy / 1000)
    end = '_slopeCorrected' * cohort.startswith('T-')
    (folder / 'h36m' / cohort).mkdir(parents=True, exist_ok=True)
    np.savez(folder / 'h36m' / cohort / f'{NAMES["world"]}{end}.npz', **arrays)
    np.savez(folder / 'h36m' / cohort / f'{NAMES["sideright"]}{end}.npz',
             **{name: pixels(place)[:-2] for name, place in arrays.items()})
    return arrays


def write_folds(folder, name, sides):
    path = folder / 'folds/UPDRS_Datasets' / f'{name}.pkl'
    path.parent.mkdir(parents=True, exist_ok=True)
    dump_pickle({number: dict(train=train, eval=test) for number, (train, test) in enumerate(sides, 1)}, path)
    return path


@pytest.fixture
def folder(tmp_path):
    """Three cohorts, with published folds of two of them."""
    for cohort in PEOPLE:
        write_cohort(tmp_path, cohort)
    people = np.array(PEOPLE['BMCLab'])  # the authors' code writes NumPy's text
    write_folds(tmp_path, 'BMCLab_6fold_participants', [
        (list(np.delete(people, chosen)), list(people[chosen])) for chosen in ([0, 6], [1], [2], [3], [4], [5])])
    write_folds(tmp_path, 'BMCLab_7fold_participants', [
        (list(np.delete(people, index)), [who]) for index, who in enumerate(people)])
    write_folds(tmp_path, 'T-SDU-PD_PD_fixed', [(['A1'], ['A2'])])
    return tmp_path


@pytest.fixture
def convert(folder, capsys):
    """Run the converter, and return the file's content."""
    def run(*options):
        out = folder / 'care_pd.pkl'
        assert main([str(folder), '--out', str(out), '--cohort', *PEOPLE, *options]) == 0, capsys.readouterr().err
        return load_pickle(out)
    return run


def test_places_label_site_and_rate_are_those_of_the_files(convert, folder):
    data = convert()
    clips = {clip['frame_dir']: clip for clip in data['annotations']}
    assert len(clips) == 2 * sum(map(len, PEOPLE.values())) and data['layout'] == 'h36m'
    assert data['classes'] == list(SCORES) == list(DATASETS.get('CAREPDDataset').METAINFO['classes'])
    assert AnnotationFile(data).targets['updrs_gait'].grades == (0, 1, 2, 3)
    clip = clips['BMCLab/SUB01__w2_down0']
    assert {key: clip.get(key) for key in ('subject', 'label', 'dataset', 'site', 'rate', 'total_frames', 'unit',
                                           'medication', 'other', 'person', 'targets')} == dict(
        subject='BMCLab/SUB01', label=1, dataset='BMCLab', site='BMCLab', rate=30., total_frames=FRAMES, unit='m',
        medication='ON', other=None, person=None, targets=dict(updrs_gait=1))
    np.testing.assert_allclose(clip['keypoint'][0], body(seed('BMCLab', 1, 2)), atol=1e-6)
    place = dict(zip(LAYOUTS['h36m']['joints'], clip['keypoint'][0].mean(0)))
    assert place['head'][1] > place['mid_hip'][1] > place['left_knee'][1]
    assert place['left_hip'][0] > place['right_hip'][0]  # who faces z, with y up, has their left at x
    assert clips['3DGait/2__w1']['label'] == 2 and clips['T-SDU-PD/A1__w1']['site'] == SITES['T-SDU-PD'] == 'T-SDU'


def test_the_rate_is_that_of_every_nth_frame(tmp_path):
    cohort = 'KUL-DT-T'  # every third of 100 frames per second
    write_cohort(tmp_path, cohort, ['a', 'b', 'c'], other='FOG', fps=30)
    out = tmp_path / 'kul.pkl'
    assert main([str(tmp_path), '--out', str(out), '--cohort', cohort, '--label', 'other', '--all-copies']) == 0
    clips = load_pickle(out)['annotations']
    assert len(clips) == 3 * 2 * 3 and {round(clip['rate'], 2) for clip in clips} == {33.33}


def test_splits_are_the_protocols_and_no_person_is_on_both_sides(convert, folder):
    data = convert()
    clips = {clip['frame_dir']: clip for clip in data['annotations']}

    def side(name, fold, part, field):
        return {clips[clip][field] for clip in data['split'][f'care_pd_{name}_fold{fold}_{part}']}

    assert side('BMCLab', 0, 'test', 'subject') == {'BMCLab/SUB00', 'BMCLab/SUB06'}
    assert side('BMCLab_loso', 3, 'test', 'subject') == {'BMCLab/SUB03'}
    assert side('T-SDU-PD_fixed', 0, 'test', 'subject') == {'T-SDU-PD/A2'}
    tested = [side('3DGait', fold, 'test', 'subject') for fold in range(3)]  # folds of our own
    assert len(set.union(*tested)) == sum(map(len, tested)) == 7
    assert side('lodo', 1, 'test', 'dataset') == {'BMCLab'} and side('lodo', 1, 'train', 'dataset') == {
        '3DGait', 'T-SDU-PD'}
    assert side('cross_BMCLab', 2, 'train', 'dataset') == {'BMCLab'}
    assert side('cross_BMCLab', 2, 'test', 'dataset') == {'T-SDU-PD'}
    assert side('mida_BMCLab', 3, 'test', 'subject') == {'BMCLab/SUB03'}
    assert len(side('mida_BMCLab', 3, 'train', 'subject')) == 6 + 7 + 2
    for name in data['split']:
        if name.endswith('train'):
            train, test = (({clips[clip]['subject'] for clip in data['split'][split]})
                           for split in (name, name.removesuffix('train') + 'test'))
            assert train and test and not train & test
    dataset = DATASETS.build(dict(type='CAREPDDataset', ann_file=str(folder / 'care_pd.pkl'), split='care_pd_lodo',
                                  fold=1, layout='gait_13', pipeline=[], test_mode=True))
    assert len(dataset) == 14 and dataset[0]['keypoint'].shape == (1, FRAMES, 13, 3)


def test_cohorts_of_one_site_are_never_on_two_sides(tmp_path):
    for number, cohort in enumerate(('T-SDU', 'T-SDU-PD', '3DGait')):
        write_cohort(tmp_path, cohort, [f'{number}{who}' for who in 'ab'], other='PD')
    out = tmp_path / 'out.pkl'
    assert main([str(tmp_path), '--out', str(out), '--cohort', 'T-SDU', 'T-SDU-PD', '3DGait', '--label', 'other',
                 ]) == 0
    data = load_pickle(out)
    assert not any('cross_T-SDU-PD_fold1' in name for name in data['split'])
    assert {name.split('/')[0] for name in data['split']['care_pd_lodo_fold1_train']} == {'3DGait'}


def test_a_computed_view_is_in_pixels(convert):
    clip = next(clip for clip in convert('--view', 'sideright')['annotations'] if clip['dataset'] == '3DGait')
    assert clip['keypoint'].shape == (1, FRAMES - 2, 17, 2) and clip['img_shape'] == (1000, 1000)
    assert clip['camera'] == 'sideright' and 'unit' not in clip
    np.testing.assert_allclose(clip['keypoint'][0], pixels(body(seed('3DGait', 0, 1)))[:-2], atol=1e-3)


def test_smpl_joints_follow_the_chain_of_the_body():
    rng = np.random.default_rng(0)
    pose, shift = rng.normal(0, 0.5, (5, 24, 3)), rng.normal(size=(5, 3))
    places = posed_joints(pose, shift, REST)
    np.testing.assert_allclose(posed_joints(pose * 0, shift, REST), REST + shift[:, None])
    for child, parent in LAYOUTS['smpl']['inward']:
        bone = np.linalg.norm(places[:, child] - places[:, parent], axis=-1)
        np.testing.assert_allclose(bone, np.linalg.norm(REST[child] - REST[parent]))
    turned = pose.copy()
    turn = Rotation.from_rotvec((0, 1, 0))
    turned[:, 0] = (turn * Rotation.from_rotvec(pose[:, 0])).as_rotvec()
    about = REST[0] + shift[:, None]
    np.testing.assert_allclose(posed_joints(turned, shift, REST) - about,
                               turn.apply((places - about).reshape(-1, 3)).reshape(places.shape), atol=1e-12)
    bent = pose * 0
    bent[:, JOINT['left_knee'], 0] = np.pi / 2  # about the axis to the left: the ankle goes back
    lower = posed_joints(bent, shift * 0, REST)[0]
    np.testing.assert_allclose(lower[JOINT['left_ankle']] - REST[JOINT['left_knee']], (0, 0, -.4), atol=1e-12)
    moved = np.flatnonzero(np.abs(lower - REST).max(1) > 1e-9)
    assert set(moved) == {JOINT['left_ankle'], JOINT['left_foot']}


def test_smpl_files_become_joints_of_the_body_model(convert, folder):
    np.savez(folder / 'rest.npz', J=REST)
    data = convert('--smpl', str(folder / 'rest.npz'))
    clip = data['annotations'][0]
    assert data['layout'] == 'smpl' and clip['unit'] == 'm' and clip['keypoint'].shape[2:] == (24, 3)
    np.testing.assert_allclose(clip['keypoint'][0, 0], REST + seed('3DGait', 0, 1) / 1000, atol=1e-6)
    assert {clip['dataset']: clip['rate'] for clip in data['annotations']} == {
        '3DGait': 30, 'BMCLab': 150, 'T-SDU-PD': 30}


def without_joints(folder):
    next(folder.glob('h36m/BMCLab/*world_*')).unlink()


def other_joints(folder):
    np.savez(next(folder.glob('h36m/BMCLab/*world_*')), **{'SUB00__w1_down0': np.zeros((40, 24, 3))})


def unknown_walk(folder):
    np.savez(next(folder.glob('h36m/BMCLab/*world_*')), **{'SUB00__w9_down0': body(0)})


def unnamed_walk(folder):
    np.savez(next(folder.glob('h36m/BMCLab/*world_*')), SUB00_w1=body(0))


@pytest.mark.parametrize('change, file, field', [
    (lambda folder: (folder / 'BMCLab.pkl').unlink(), 'BMCLab.pkl', '--cohort 3DGait T-SDU-PD'),
    (lambda folder: (folder / 'BMCLab.pkl').write_bytes(b'cos\nsystem\n(S"true"\ntR.'), 'BMCLab.pkl', 'os.system'),
    (lambda folder: dump_pickle([], folder / 'BMCLab.pkl'), 'BMCLab.pkl', 'person -> walk'),
    (lambda folder: write_cohort(folder, 'BMCLab', UPDRS_GAIT=7), 'BMCLab.pkl: SUB00: w1', 'UPDRS_GAIT: 7'),
    (lambda folder: write_cohort(folder, 'BMCLab', pose=np.zeros((9, 70))), 'BMCLab.pkl: SUB00: w1', 'pose'),
    (lambda folder: write_cohort(folder, 'BMCLab', fps=60), 'SUB00__w1_down0', 'fps: 60'),
    (without_joints, 'BMCLab', 'h36m_3d_world_floor'), (other_joints, 'SUB00__w1_down0', '(40, 24, 3)'),
    (unknown_walk, 'SUB00__w9_down0', 'BMCLab.pkl'), (unnamed_walk, 'SUB00_w1', '<person>__<walk>'),
    (lambda folder: dump_pickle({1: dict(train=['SUB00'])}, folder / 'folds/BMCLab_6fold_participants.pkl'),
     'BMCLab_6fold_participants.pkl', 'eval'),
    (lambda folder: write_folds(folder, 'BMCLab_6fold_participants', [(['SUB00', 'SUB01'], ['SUB01'])]),
     'BMCLab/SUB01', 'split')])
def test_what_is_wrong_is_named(folder, error_of, change, file, field):
    change(folder)
    out = folder / 'care_pd.pkl'
    error = error_of(CONVERT, folder, '--out', out, '--cohort', *PEOPLE)
    assert file in error and field in error and not out.exists()


def test_a_body_of_its_own_shape_is_refused(folder, error_of):
    write_cohort(folder, 'BMCLab', beta=np.ones(10))
    np.savez(folder / 'rest.npz', J=REST)
    options = ('--out', folder / 'care_pd.pkl', '--cohort', 'BMCLab', '--smpl', folder / 'rest.npz')
    assert 'SUB00: w1: beta' in error_of(CONVERT, folder, *options)
    np.savez(folder / 'rest.npz', J=REST[:5])
    assert 'rest.npz: J: shape (5, 3)' in error_of(CONVERT, folder, *options)


def test_walks_without_a_score_are_counted(folder, convert, capsys):
    write_cohort(folder, 'T-SDU-PD', UPDRS_GAIT=float('nan'))
    assert {clip['dataset'] for clip in convert()['annotations']} == {'BMCLab', '3DGait'}
    assert 'T-SDU-PD: 4 walks' in capsys.readouterr().out
