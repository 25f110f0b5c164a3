"""A tiny model with random weights on two folds, tested on other recordings of the same people."""
import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

from dynstg_mm.benchmark.other_recordings import named_files, results_on
from dynstg_mm.benchmark.results import Results
from dynstg_mm.benchmark.runs import Model, plan_runs
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import dump_pickle
from dynstg_mm.safe_pickle import load_pickle

from .test_cross_validate import write_config


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


def test_scores_on_the_same_file_are_those_of_the_own_test_and_change_with_the_recordings(runs):
    runs, file = runs
    own = Results.of_folds(list('abcd'), {0: []}, [0])
    own.add_model('tiny', [], config='tiny.py')
    same = results_on(runs, str(file), own)
    assert len(same.clips) == 16 and same.is_complete('tiny') and same.folds == [0, 1]

    def noisy(data):
        rng, missing = np.random.default_rng(0), data['split']['gait_fold0_test'][0]
        data['annotations'] = [dict(clip, keypoint=clip['keypoint'] + 5 * rng.normal(size=clip['keypoint'].shape))
                               for clip in data['annotations'] if clip['frame_dir'] != missing]
        data['split'] = {name: [clip for clip in clips if clip != missing] for name, clips in data['split'].items()}
    other = results_on(runs, other_file(file, noisy), own)
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
        results_on(runs, other_file(file, exchange), Results.of_folds(list('abcd'), {0: []}, [0]))


def test_files_have_names_of_their_own(tmp_path):
    file = tmp_path / 'walks.pkl'
    file.touch()
    assert named_files([str(file), f'noisy={file}']) == dict(walks=str(file), noisy=str(file))
    with pytest.raises(ConfigError, match='--test-on'):
        named_files([str(file), str(file)])
    with pytest.raises(FileNotFoundError):
        named_files(['missing.pkl'])
