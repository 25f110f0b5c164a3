"""A tiny model on two folds of synthetic people, made into weights that answer."""
import json
import os
import signal

import numpy as np
import pytest
import torch

from dynstg_mm.benchmark import cross_validation
from dynstg_mm.commands.release import main
from dynstg_mm.errors import ConfigError
from dynstg_mm.inference import release
from dynstg_mm.inference.training_record import TrainingRecord
from dynstg_mm.inference.zoo import find, zoo

from ..benchmark.test_cross_validate import forks, write_config  # noqa: F401


@pytest.fixture
def recipe(tmp_path):
    config = write_config(tmp_path, lines=['train_cfg = dict(max_epochs=1)'])
    file = tmp_path / f'{config.name}.pkl'
    (tmp_path / 'tiny.yml').write_text(
        f'models: {{tiny: {config.name}}}\nrelease: {{name: Four gaits, dataset: computed walks, estimator: none, '
        f'others: {{again: {file}, missing: nowhere.pkl}}, strangers: {{same: {file}}}}}\n')
    return tmp_path / 'tiny.yml'


def test_a_recipe_becomes_weights_with_all_that_an_answer_needs(recipe, tmp_path, monkeypatch, forks, capsys):  # noqa: F811
    started = []

    class Counted(forks):

        def call(self, command, log, slot):
            started.append(command[3])
            super().call(command, log, slot)
    for module in (release, cross_validation):
        monkeypatch.setattr(module, 'Processes', Counted)
    monkeypatch.setattr(cross_validation, 'write_report', lambda results, out, **options: [])  # pictures take seconds
    arguments = [str(recipe), '--out', str(tmp_path / 'out'), '--zoo', str(tmp_path / 'zoo'), '--no-controls']
    assert main(arguments) == 0
    assert sorted(started) == ['test', 'test', 'train', 'train', 'train']  # two folds, and everybody
    weights, = (tmp_path / 'zoo').glob('*.pth')
    assert weights.stat().st_size < 1e6 and str(weights) in capsys.readouterr().out

    checkpoint = torch.load(weights, weights_only=True)
    assert checkpoint['meta']['dataset_meta']['source'] == ('df-stgnn_tiny.py.pkl', 'gait_foldall_train')
    record = TrainingRecord.of_checkpoint(checkpoint, str(weights))
    assert (record.dataset, record.estimator, sum(record.people.values())) == ('computed walks', 'none', 8)
    assert len(np.concatenate(record.conformal.scores)) == len(record.features.held_out) == 16
    assert record.conformal.apply(record.calibration.apply(np.full(4, .25))) == [0, 1, 2, 3]  # 2 people a class
    assert record.gait_reference.keys() == record.people.keys()
    own = record.figures
    predictions = [clip for fold in (0, 1) for clip in json.loads(
        (tmp_path / f'out/runs/tiny/seed0/fold{fold}/predictions.json').read_text())['clips']]
    right = sum(np.argmax(clip['score']) == clip['label'] for clip in predictions)
    assert own['scores']['recordings'] == len(predictions) == 16 and own['scores']['people'] == 8
    assert own['others']['again']['macro_f1'] == pytest.approx(own['scores']['macro_f1'], abs=1e-3)
    assert own['others']['again']['sets']['covered'] == 1
    assert abs(own['scores']['accuracy'][0] - right / 16) <= 0.25 and own['sets']['covered'] == 1
    card = (tmp_path / 'zoo/tiny.md').read_text()
    assert weights.name in card and 'again' in card and 'nan' not in card

    started.clear()
    old = weights.rename(weights.with_name('tiny-00000000.pth'))  # as of an earlier recipe
    metafile = tmp_path / 'zoo/metafile.yml'
    metafile.write_text(metafile.read_text().replace(weights.name, old.name))
    child = os.fork()
    if child == 0:  # a kill before the new entry is written
        release.write_entry = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
        main(arguments)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert old.is_file() and old.name in metafile.read_text()
    assert main(arguments) == 0
    assert not started and [path.name for path in (tmp_path / 'zoo').glob('*.pth')] == [weights.name]
    assert weights.name in metafile.read_text() and old.name not in metafile.read_text()


def test_names_of_the_zoo_are_found_and_others_named():
    models = zoo()
    for name, model in models.items():
        assert find(name) == model and model.config.is_file() and model.weights.is_file()
        assert model.weights.stat().st_size < 1e6
    with pytest.raises(ConfigError, match='koa-mn'):
        find('koa-mn')
