"""GaitInferencer: the scores of testing, and one line for what cannot be answered."""
import copy
import csv
import dataclasses
import json
import pickle

import numpy as np
import pytest
import torch
from mmaction.registry import INFERENCERS, MODELS
from mmengine.config import Config

from dynstg_mm.config import apply_options, read_config
from dynstg_mm.errors import ClipError, ConfigError, DataError
from dynstg_mm.files import dump_pickle
from dynstg_mm.inference import Answer, GaitInferencer
from dynstg_mm.inputs import ModelInputs
from dynstg_mm.skeletons import LAYOUTS, map_joints

from ..conftest import ROOT
from .conftest import CONFIG, TINY


@pytest.fixture(scope='module')
def inferencer(checkpoint):
    return GaitInferencer(CONFIG, checkpoint, 'cpu', cfg_options=TINY)


@pytest.fixture
def clip(sample):
    return dict(sample['annotations'][0])


def options(settings):
    return ['--cfg-options', *(f'{name}={value}'.replace(' ', '') for name, value in settings.items())]


def test_scores_are_those_of_testing(inferencer, checkpoint, sample, annotation_file, tmp_path, run_tool):
    done = run_tool('tools/test.py', CONFIG, checkpoint, '--work-dir', tmp_path,
                    *options(dict(TINY, **{'test_dataloader.dataset.indices': 8})))
    assert done.returncode == 0, done.stdout
    tested = {clip['clip']: clip['score'] for clip in json.loads((tmp_path / 'predictions.json').read_text())['clips']}
    assert len(tested) == 8
    file = annotation_file(lambda data: data.update(
        annotations=[clip for clip in sample['annotations'] if clip['frame_dir'] in tested], split={}))
    answers = {answer.clip: answer for answer, _ in inferencer.answers(file)}
    for clip, score in tested.items():
        np.testing.assert_allclose(answers[clip].scores, score, atol=1e-5)
        assert answers[clip].probabilities == answers[clip].scores and not answers[clip].calibrated
    assert np.ptp([answer.scores for answer in answers.values()], 0).max() > 1e-3  # not one answer for all


STOCK = """
_base_ = 'mmaction::skeleton/stgcn/stgcn_8xb16-joint-u100-80e_ntu60-xsub-keypoint-2d.py'
test_dataloader = dict(dataset=dict(ann_file={file!r}, split='test'), num_workers=0, persistent_workers=False)
model = dict(backbone=dict(gcn_adaptive='init', base_channels=8, num_stages=2, inflate_stages=[], down_stages=[]),
             cls_head=dict(in_channels=8))
"""


def test_stock_model_of_mmaction2(sample, tmp_path, run_tool):
    """Its own pipeline, two persons, no rate."""
    places = map_joints(LAYOUTS['body_25']['joints'], dict(LAYOUTS['coco']))
    clips = []
    for clip in sample['annotations'][:4]:
        keypoint = np.stack([clip['keypoint'][:, :, list(joint)].mean(2) for joint in places], 2).astype(np.float32)
        clips.append(dict(frame_dir=clip['frame_dir'], label=1, keypoint=np.concatenate([keypoint, keypoint + 50]),
                          keypoint_score=np.ones((2, *keypoint.shape[1:3]), np.float32), img_shape=(1080, 1920),
                          original_shape=(1080, 1920), total_frames=keypoint.shape[1]))
    file, config, weights = tmp_path / 'ntu.pkl', tmp_path / 'stock.py', tmp_path / 'stock.pth'
    dump_pickle(dict(split=dict(test=[clip['frame_dir'] for clip in clips]), annotations=clips), file)
    config.write_text(STOCK.format(file=str(file)))
    torch.save(dict(state_dict=MODELS.build(Config.fromfile(config).model).state_dict()), weights)
    done = run_tool('tools/test.py', config, weights, '--work-dir', tmp_path, '--dump', tmp_path / 'dump.pkl')
    assert done.returncode == 0, done.stdout
    with open(tmp_path / 'dump.pkl', 'rb') as content:
        tested = [sample['pred_score'].numpy() for sample in pickle.load(content)]
    stock = GaitInferencer(config, weights, 'cpu')
    found = [answer.scores for answer, _ in stock.answers(file)]
    np.testing.assert_allclose(found, tested, atol=1e-5)
    assert len(stock.classes) == 60 and stock.layout['num_node'] == 17


def test_array_and_annotation_give_the_same_answer(inferencer, clip):
    one = inferencer(clip)['predictions'][0]
    other = inferencer(clip['keypoint'][0], rate=clip['rate'])['predictions'][0]
    with_scores = inferencer(dict(clip, layout='body_25', label=None))['predictions'][0]
    np.testing.assert_allclose(one['scores'], other['scores'], atol=1e-5)
    np.testing.assert_allclose(one['scores'], with_scores['scores'], atol=1e-5)
    third = np.concatenate([clip['keypoint'][0], clip['keypoint_score'][0][..., None]], -1)  # as OpenPose gives it
    given = inferencer(third, rate=clip['rate'])['predictions'][0]
    np.testing.assert_allclose(one['scores'], given['scores'], atol=1e-5)
    assert Answer.from_json(one).predicted == one['predicted']
    assert isinstance(inferencer(clip, return_datasamples=True)['predictions'][0], Answer)


def test_it_is_registered(checkpoint):
    built = INFERENCERS.build(dict(type='GaitInferencer', model=str(CONFIG), weights=str(checkpoint), device='cpu',
                                   cfg_options=TINY))
    assert isinstance(built, GaitInferencer)


def test_rolling_windows_cover_the_recording(inferencer, clip):
    answer = inferencer.answer(clip)
    starts = np.array([window.start for window in answer.windows])
    assert starts[0] == 0 and np.diff(starts).max() <= 0.5 + 1e-6
    assert answer.windows[-1].end == pytest.approx(answer.duration, abs=0.05)
    single = inferencer.scores([dict(clip, keypoint=clip['keypoint'][:, :round(2.56 * clip['rate']) + 1],
                                     keypoint_score=clip['keypoint_score'][:, :round(2.56 * clip['rate']) + 1])])
    assert np.abs(np.array(answer.windows[0].probabilities) - single[0]).max() < 0.1  # another end of the filter


def test_time_counts_from_the_start_of_the_recording(inferencer, clip):
    empty = np.zeros_like(clip['keypoint'][:, :30])
    late = dict(clip, keypoint=np.concatenate([empty, clip['keypoint']], 1),
                keypoint_score=np.concatenate([empty[..., 0], clip['keypoint_score']], 1))
    assert inferencer.answer(late).windows[0].start == pytest.approx(30 / clip['rate'])
    np.testing.assert_allclose(inferencer.answer(late).scores, inferencer.answer(clip).scores, atol=1e-5)


def test_short_clip_is_answered_with_a_doubt(inferencer, clip):
    for seconds, window, severity in ((1.6, 1.6, 'doubt'), (0.5, 1., 'refusal')):
        frames = round(seconds * clip['rate'])
        short = dict(clip, **{name: clip[name][:, :frames] for name in ('keypoint', 'keypoint_score')})
        answer = inferencer.answer(short)
        only, = answer.windows
        assert only.short and only.end - only.start == pytest.approx(window, abs=0.05)
        assert ('too_short', severity) in [(doubt.code, doubt.severity) for doubt in answer.doubts]
        np.testing.assert_allclose(only.probabilities, answer.scores, atol=1e-6)
        np.testing.assert_allclose(inferencer.scores([clip, short, clip])[1], answer.scores, atol=1e-6)
    assert not inferencer.answer(clip).windows[0].short


def test_several_persons(inferencer, clip):
    both = dict(clip, keypoint=np.concatenate([clip['keypoint'][:, ::-1] + 300, clip['keypoint']]),
                keypoint_score=np.concatenate([clip['keypoint_score'][:, ::-1] * 0.5, clip['keypoint_score']]))
    answer, = (answer for answer, _ in inferencer.answers(both))
    assert [doubt.code for doubt in answer.doubts if doubt.code == 'several_persons']
    np.testing.assert_allclose(answer.scores, inferencer.answer(clip).scores, atol=1e-5)
    everybody = [answer for answer, _ in inferencer.answers(both, persons=None)]
    assert [answer.person for answer in everybody] == [0, 1]
    assert np.abs(np.subtract(everybody[0].scores, everybody[1].scores)).max() > 1e-3


def test_what_a_reader_decides_is_in_the_answer(inferencer, clip, tmp_path):
    names = [f'{name}_{axis}' for name in LAYOUTS['body_25']['joints'] for axis in 'xy']
    rows = [[frame / clip['rate'], 'walker', *pose.ravel()] for frame, pose in enumerate(clip['keypoint'][0])]
    with open(tmp_path / 'walk.csv', 'w', newline='') as file:
        csv.writer(file).writerows([['time', 'shoes', *names], *rows])
    (answer, _), = inferencer.answers(tmp_path / 'walk.csv', rate=2 * clip['rate'])
    assert len(answer.notes) == 2 and 'shoes' in answer.notes[0] and f'{2 * clip["rate"]:g}' in answer.notes[1]
    assert Answer.from_json(answer.to_json()).notes == answer.notes


def test_three_coordinates_are_seen_from_the_side(inferencer, clip):
    """The same walk as a camera beside it sees it, turned about the vertical."""
    flat = clip['keypoint'].astype(np.float32) * (1, -1)
    angle = 0.7
    deep = np.stack([flat[..., 0] * np.cos(angle), flat[..., 1], flat[..., 0] * np.sin(angle)], -1)
    turned = inferencer.answer(dict(clip, keypoint=deep, layout='body_25'))
    assert np.abs(np.subtract(turned.scores, inferencer.answer(clip).scores)).max() < 0.02


def test_joints_are_mapped_by_name(inferencer, clip):
    order = np.random.default_rng(0).permutation(25)
    layout = dict(num_node=25, joints=[LAYOUTS['body_25']['joints'][joint] for joint in order], inward=[], center=0)
    mixed = dict(clip, keypoint=clip['keypoint'][:, :, order], keypoint_score=clip['keypoint_score'][:, :, order],
                 layout=layout)
    np.testing.assert_allclose(inferencer.answer(mixed).scores, inferencer.answer(clip).scores, atol=1e-5)


def test_joints_of_an_annotation_are_mapped_by_name(inferencer, clip):
    order = np.random.default_rng(0).permutation(25)
    mixed = dict(clip, keypoint=clip['keypoint'][:, :, order], keypoint_score=clip['keypoint_score'][:, :, order],
                 joint_names=[LAYOUTS['body_25']['joints'][joint] for joint in order])
    (one, _), (other, _) = inferencer.answers([mixed, dict(clip, layout='body_25')])
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
    assert [doubt.code for doubt in one.doubts] == [doubt.code for doubt in other.doubts] and one.layout == 'body_25'
    with pytest.raises(DataError, match='joint_names'):
        inferencer(dict(mixed, joint_names=['nose']))


@pytest.mark.parametrize('layout', ['gait_13', 'coco', 'body_25'])
def test_a_skeleton_without_a_name_is_doubted(clip, layout, tmp_path):
    """Its joints are taken for those of the model, whatever its layout is, and the answer says so."""
    config = apply_options(read_config(str(CONFIG)), dict(TINY, **{
        'model.backbone.graph_cfg.layout': layout, 'test_dataloader.dataset.layout': layout}))
    torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), tmp_path / 'model.pth')
    model = GaitInferencer(config, tmp_path / 'model.pth', 'cpu')
    places = map_joints(LAYOUTS['body_25']['joints'], LAYOUTS[layout])
    keypoint = np.stack([clip['keypoint'][0][:, list(joint)].mean(1) for joint in places], 1)
    mixed = keypoint[:, np.random.default_rng(1).permutation(len(places))]
    for name, joints in dict(walk=keypoint, mixed=mixed).items():
        np.savez(tmp_path / f'{name}.npz', keypoints=joints, fps=clip['rate'])
    found = {answer.clip: {doubt.code: doubt.severity for doubt in answer.doubts}
             for answer, seen in model.answers([tmp_path / 'walk.npz', tmp_path / 'mixed.npz'])
             if answer.layout == seen['layout'] == layout}
    assert found['walk']['other_skeleton'] == 'note' and found['mixed']['other_skeleton'] == 'doubt'
    (named, _), = model.answers(tmp_path / 'walk.npz', layout=layout)
    assert 'other_skeleton' not in [doubt.code for doubt in named.doubts]


def test_unknown_names_are_not_taken_for_the_joints_of_the_model(inferencer, clip, tmp_path):
    names = [name.replace('left_knee', 'Knie_L') for name in LAYOUTS['body_25']['joints']]
    np.savez(tmp_path / 'walk.npz', keypoints=clip['keypoint'][0], fps=clip['rate'], joint_names=names)
    answer = inferencer(tmp_path / 'walk.npz', skip_bad=True)['predictions'][0]
    assert 'no left_knee' in answer['error']
    answer = inferencer(tmp_path / 'walk.npz', reader=dict(joint_names=dict(Knie_L='left_knee')))['predictions'][0]
    assert not answer['error']


def test_features_are_the_input_of_the_last_layer(inferencer, clip):
    features = inferencer.features(clip)
    layer = inferencer.model.cls_head.fc
    assert features.shape == (layer.in_features, )
    logits = torch.from_numpy(features).to(layer.weight) @ layer.weight.T + layer.bias
    assert int(logits.argmax()) == int(np.argmax(inferencer.answer(clip).scores))


@pytest.mark.parametrize('change, field', [
    (lambda clip: clip.pop('rate'), 'rate'), (lambda clip: clip.update(layout='gait_13'), 'nose'),
    (lambda clip: clip.update(keypoint=clip['keypoint'][:, :, :20], keypoint_score=None), 'layout'),
    (lambda clip: clip.update(keypoint=clip['keypoint'] * 0), 'nobody|keypoint'),
    (lambda clip: clip.update(layout='coco'), '17 joints'),
    (lambda clip: clip.update(keypoint='walk'), 'keypoint')])
def test_what_cannot_be_answered_is_one_line(inferencer, clip, sample, change, field):
    if field == 'nose':
        clip.update(keypoint=clip['keypoint'][:, :, :13], keypoint_score=clip['keypoint_score'][:, :, :13])
    change(clip)
    with pytest.raises(DataError, match=field):
        inferencer(clip)
    bad, good = (answer for answer, _ in inferencer.answers([clip, sample['annotations'][1]], skip_bad=True))
    assert bad.error and '\n' not in bad.error and not bad.scores
    assert good.error is None and good.scores


@pytest.mark.parametrize('option, value', [
    ('rate', '25'), ('rate', 0), ('persons', 0), ('persons', 'all'), ('step', 0), ('format', 'avi')])
def test_a_wrong_option_is_named(inferencer, clip, option, value):
    with pytest.raises(ConfigError, match=option):
        inferencer([clip, 'walk.csv'], **{option: value})


def test_wrong_models_are_one_line(checkpoint, tmp_path):
    with pytest.raises(ConfigError, match='weights'):
        GaitInferencer(CONFIG)
    with pytest.raises(FileNotFoundError, match='nothing'):
        GaitInferencer(CONFIG, tmp_path / 'nothing.pth')
    with pytest.raises(ConfigError, match='nothing'):
        GaitInferencer('nothing', checkpoint)
    with pytest.raises(OSError, match='nothing.py'):
        GaitInferencer('nothing.py', checkpoint)
    with pytest.raises(ConfigError, match='device'):
        GaitInferencer(CONFIG, checkpoint, 'gpu', cfg_options=TINY)
    with pytest.raises(ConfigError, match='tiny.pth'):
        GaitInferencer(CONFIG, checkpoint)  # without the options of its training


def test_mmaction2s_own_functions_refuse_a_checkpoint_of_other_input(checkpoint, clip, tmp_path):
    from mmaction.apis import inference_recognizer, init_recognizer
    config = apply_options(read_config(str(CONFIG)), TINY)
    content = torch.load(checkpoint)
    inputs = ModelInputs.from_config(config)
    clip = dict(clip, layout='body_25')
    for change, named in ((dict(), None), (dict(features=('b', 'bm')), 'features'), (dict(rate=50.), 'per second'),
                          (dict(layout='body_25b'), 'joints'), (dict(window_frames=32), 'window')):
        content['meta']['inputs'] = dataclasses.replace(inputs, **change).to_dict()
        torch.save(content, tmp_path / 'model.pth')
        model = init_recognizer(config, str(tmp_path / 'model.pth'), device='cpu')
        if named is None:
            assert inference_recognizer(copy.deepcopy(model), clip).pred_score.shape == (4, )
            continue
        with pytest.raises(ConfigError, match=f'model.pth: .*{named}'):
            inference_recognizer(model, clip)
    del content['state_dict']['cls_head.fc.bias']
    torch.save(content, tmp_path / 'model.pth')
    with pytest.raises(ConfigError, match='fc.bias: missing'):
        init_recognizer(config, str(tmp_path / 'model.pth'), device='cpu')


def test_mmaction2s_own_functions(checkpoint, clip):
    """They answer if the clip has its layout and rate, and else say what to use."""
    from mmaction.apis import inference_recognizer, inference_skeleton, init_recognizer
    from mmaction.apis.inferencers import MMAction2Inferencer
    config = apply_options(read_config(str(CONFIG)), TINY)
    model = init_recognizer(config, str(checkpoint), device='cpu')
    expected = GaitInferencer(config, checkpoint, 'cpu').answer(clip).scores
    result = inference_recognizer(model, dict(clip, layout='body_25'))
    np.testing.assert_allclose(result.pred_score.numpy(), expected, atol=1e-5)
    poses = [dict(keypoints=clip['keypoint'][:, frame], keypoint_scores=clip['keypoint_score'][:, frame])
             for frame in range(10)]
    few = dict(clip, keypoint=clip['keypoint'][:, :, :13], keypoint_score=clip['keypoint_score'][:, :, :13])
    for call in (lambda: inference_skeleton(model, poses, (1080, 1920)),
                 lambda: inference_recognizer(model, dict(clip)),
                 lambda: inference_recognizer(model, dict(clip, layout='body_25', rate=None)),
                 lambda: inference_recognizer(model, str(ROOT / 'README.md')),
                 lambda: inference_recognizer(model, dict(few, layout='gait_13')),
                 lambda: MMAction2Inferencer(config, str(checkpoint), 'cpu')):
        with pytest.raises((ClipError, ConfigError), match='GaitInferencer'):
            call()
