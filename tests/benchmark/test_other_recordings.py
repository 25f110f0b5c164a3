"""A tiny model with random weights on two folds, tested on other recordings: of the same people, and of others."""
import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

from dynstg_mm.benchmark import cross_validation
from dynstg_mm.benchmark.baselines import METADATA, add_controls
from dynstg_mm.benchmark.cross_validation import write_sites
from dynstg_mm.benchmark.other_recordings import plan_test, results_on
from dynstg_mm.benchmark.results import Results
from dynstg_mm.benchmark.runs import Model, plan_runs
from dynstg_mm.datasets.folds import subject_folds
from dynstg_mm.datasets.named_files import TaskFile, class_names
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import dump_pickle
from dynstg_mm.importers.join import join_files
from dynstg_mm.safe_pickle import load_pickle

from ..conftest import SAMPLE
from .conftest import make
from .test_cross_validate import call, error, forks, write_config  # noqa: F401

CLASSES = ['normal', 'parkinson', 'ataxia', 'osteoarthritis']


@pytest.fixture
def runs(tmp_path):
    """The runs of two folds, and their annotation file."""
    config = write_config(tmp_path)
    runs = plan_runs([Model('tiny', str(config))], [0], [0, 1], tmp_path / 'out')
    for run in runs:
        run.folder.mkdir(parents=True)
        torch.manual_seed(int(run.fold))
        model = MODELS.build(Config(run.record['config']).model)
        torch.save(dict(state_dict=model.state_dict()), run.folder / 'epoch_6.pth')
        (run.folder / 'last_checkpoint').write_text('/moved/since/epoch_6.pth')
    return runs, tmp_path / f'{config.name}.pkl'


def other_file(file, change):
    data = load_pickle(file)
    change(data)
    path = file.with_name('other.pkl')
    dump_pickle(data, path)
    return str(path)


def scores_on(runs, file, task=None, renamed=None):
    about = Results.of_folds(CLASSES, {0: []}, [0])
    about.add_model('tiny', [], config='tiny.py')
    return results_on(runs, plan_test(runs, TaskFile(str(file), task), CLASSES, renamed), about)


def strangers(data):
    """Other people, without folds."""
    data['annotations'] = [dict(clip, subject=f'Lyon/{clip["subject"]}') for clip in data['annotations']]
    data['split'] = {}


def test_scores_on_the_same_file_are_those_of_the_own_test_and_change_with_the_recordings(runs):
    runs, file = runs
    same = scores_on(runs, file)
    assert len(same.clips) == 16 and same.is_complete('tiny') and same.folds == [0, 1]

    def noisy(data):
        rng, missing = np.random.default_rng(0), data['split']['gait_fold0_test'][0]
        data['annotations'] = [dict(clip, keypoint=clip['keypoint'] + 5 * rng.normal(size=clip['keypoint'].shape))
                               for clip in data['annotations'] if clip['frame_dir'] != missing]
        data['split'] = {name: [clip for clip in clips if clip != missing] for name, clips in data['split'].items()}
    other = scores_on(runs, other_file(file, noisy))
    assert len(other.clips) == 15
    before, after = (dict(zip(part.clips.index, part.scores('tiny')[0])) for part in (same, other))
    assert not all(np.allclose(before[clip], after[clip], atol=2e-4) for clip in after)


def test_a_person_of_the_training_is_refused(runs):
    runs, file = runs

    def exchange(data):
        splits = data['split']
        data['split'] = {name.replace('fold0', 'foldx').replace('fold1', 'fold0').replace('foldx', 'fold1'): clips
                         for name, clips in splits.items()}
    with pytest.raises(ConfigError, match=r'other\.pkl.*fold 0'):
        scores_on(runs, other_file(file, exchange))


def test_everybody_at_another_site_is_tested_once_and_as_many_of_each_class_by_every_fold(runs):
    runs, file = runs
    found = scores_on(runs, other_file(file, strangers))
    assert len(found.clips) == 16 and found.is_complete('tiny')
    people = found.clips.groupby('fold').subject.unique()
    assert not set(people[0]) & set(people[1])
    assert all(found.clips[found.clips.fold == fold].groupby('label').subject.nunique().tolist() == [1] * 4
               for fold in (0, 1))


def test_classes_of_another_site_are_mapped_by_name(runs):
    runs, file = runs
    names = ['ataxie', 'normal', 'autre', 'parkinson']  # of labels 0, 1, 2, 3 there

    def french(data):
        strangers(data)
        data['classes'] = names
    path = other_file(file, french)
    found = scores_on(runs, path, renamed=class_names(['ataxie=ataxia', 'autre='], '--x'))
    theirs = {clip['frame_dir']: names[clip['label']] for clip in load_pickle(path)['annotations']}
    assert len(found.clips) == 12
    for clip, label in found.clips.label.items():
        assert CLASSES[label] == theirs[clip].replace('ataxie', 'ataxia')
    with pytest.raises(ConfigError, match='classes: ataxie'):
        scores_on(runs, path)
    with pytest.raises(ConfigError, match='--test-classes: sain'):
        scores_on(runs, path, renamed=dict(sain='normal'))


def test_a_task_of_the_other_file_is_tested(runs):
    runs, file = runs

    def two_tasks(data):
        strangers(data)
        data['split'] = subject_folds(data['annotations'][:8], 'some', folds=2, fewer=True)
    path = other_file(file, two_tasks)
    found = scores_on(runs, path, 'some')
    splits = load_pickle(path)['split']
    assert [sorted(found.clips.index[found.clips.fold == fold]) for fold in (0, 1)] == [
        sorted(splits[f'some_fold{fold}_test']) for fold in (0, 1)]
    with pytest.raises(ConfigError, match='no task all'):
        scores_on(runs, path, 'all')


def test_people_of_the_training_at_another_site_are_refused_before_anything_is_trained(runs, tmp_path):
    runs, file = runs

    def one_known(data):
        known = data['annotations'][0]['subject']
        strangers(data)
        data['annotations'][5]['subject'] = known
    path = other_file(file, one_known)
    assert 'other.pkl: fold ' in error(tmp_path / 'df-stgnn_tiny.py', '--test-on', path, '--out', tmp_path / 'new')
    assert not (tmp_path / 'new').exists()


def test_controls_learn_at_the_source_and_are_tested_elsewhere(runs):
    runs, file = runs
    path = other_file(file, strangers)

    def rates_by_class(data):
        data['annotations'] = [dict(clip, rate=20. + 5 * clip['label']) for clip in data['annotations']]
    data = load_pickle(file)
    rates_by_class(data)
    dump_pickle(data, file)
    other = plan_test(runs, TaskFile(path), CLASSES)
    everybody = [dict(clip=clip['frame_dir'], subject=clip['subject'], label=clip['label'])
                 for clip in data['annotations']]
    learned = {0: everybody, 1: everybody}
    here, there = (Results.of_folds(CLASSES, other.tests(), [0]) for _ in range(2))
    add_controls(there, str(file), tests=other.tests(), training=learned, test_file=path)
    assert there.is_complete(METADATA) and there.scores(METADATA)[0].argmax(-1).tolist() != there.clips.label.tolist()
    changed = load_pickle(path)
    rates_by_class(changed)
    dump_pickle(changed, path)
    add_controls(here, str(file), tests=other.tests(), training=learned, test_file=path)
    assert here.scores(METADATA)[0].argmax(-1).tolist() == here.clips.label.tolist()


def test_sites_are_written_side_by_side(tmp_path):
    for site, other in (('kiel', 'lyon'), ('lyon', 'kiel')):
        for folder in (tmp_path / site, tmp_path / site / 'test_on' / other):
            folder.mkdir(parents=True)
            make(models=('a', 'b')).write(folder / 'results.json')
    text = write_sites(['kiel', 'lyon'], tmp_path)
    assert text == (tmp_path / 'sites.md').read_text()
    assert text.index('Trained on kiel') < text.index('lyon - own') < text.index('Trained on lyon')
    assert sum(line.startswith('| a ') for line in text.splitlines()) == 2


def test_a_site_left_out_is_trained_for_with_a_balanced_sampler_and_tested_elsewhere_too(tmp_path, monkeypatch, forks):  # noqa: F811
    """Two sites with cameras of their own, and a third one that is only tested."""
    cameras = dict(kiel=(1., 0.), lyon=(.8, .1), rom=(1.2, -.1))  # scale, and how far the camera is turned
    config = write_config(tmp_path)
    for place, (site, (scale, angle)) in enumerate(cameras.items()):
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
        clips = [dict(clip, keypoint=scale * clip['keypoint'].astype(np.float32) @ turn)
                 for clip in load_pickle(SAMPLE)['annotations'] if int(clip['frame_dir'][-4:-2]) == place]
        dump_pickle(dict(split={}, annotations=clips, classes=CLASSES, layout='body_25'), tmp_path / f'{site}.pkl')
    both, out = tmp_path / 'both.pkl', tmp_path / 'out'
    join_files({site: TaskFile(str(tmp_path / f'{site}.pkl')) for site in ('kiel', 'lyon')}, both, name='gait',
               by='dataset')
    monkeypatch.setattr(cross_validation, 'Processes', forks)
    monkeypatch.setattr(cross_validation, 'measure_costs', lambda configs: {})
    assert call(config, '--out', out, '--no-controls', '--test-on', tmp_path / 'rom.pkl', '--cfg-options',
                *(f'{part}_dataloader.dataset.ann_file={both}' for part in ('train', 'test')),
                'split=gait_leave_dataset_out', 'balance=dataset', 'train_cfg.max_epochs=1') == 0
    own, rom = Results.read(out / 'results.json'), Results.read(out / 'test_on/rom/results.json')
    assert [own.clips[own.clips.fold == fold].subject.str[:4].unique().tolist() for fold in (0, 1)] == [['kiel'],
                                                                                                      ['lyon']]
    assert own.is_complete('df-stgnn') and rom.is_complete('df-stgnn') and len(own.clips) == 16 == 2 * len(rom.clips)
    assert 'rom: 8 clips of 4 people; other people' in (out / 'results.md').read_text()
