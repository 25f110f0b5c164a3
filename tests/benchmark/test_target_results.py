"""Cross-validation, results and report of grades and numbers, of which some are missing."""
import json

import numpy as np
import pytest

from dynstg_mm.benchmark import cross_validation
from dynstg_mm.benchmark.merge import merge_results
from dynstg_mm.benchmark.page import write_report
from dynstg_mm.benchmark.plan import all_tests, check_tests
from dynstg_mm.benchmark.predictions import results_of_folder
from dynstg_mm.benchmark.results import Results
from dynstg_mm.benchmark.runs import Model
from dynstg_mm.benchmark.tables import distance_rows, scale_difference_rows, scale_rows
from dynstg_mm.commands.report import main as report
from dynstg_mm.datasets.folds import leave_one_subject_out
from dynstg_mm.datasets.targets import Target
from dynstg_mm.errors import ConfigError, ResultsError
from dynstg_mm.safe_pickle import load_pickle

from .conftest import make, same
from .test_cross_validate import StandIn, call, config, error  # noqa: F401

DESCRIBED = dict(updrs=dict(type='ordinal', grades=[0, 1, 2, 3]), speed=dict(type='numeric', unit='m/s', low=0, high=3))
OUTPUTS = "outputs=dict(updrs=dict(type='CORNOutput', num_grades=4), speed=dict(type='GaussianOutput'))"
HEAD = ("model['cls_head'] = dict(_delete_=True, type='TargetHead', in_channels=8, {})",
        "train_dataloader['dataset'] = test_dataloader['dataset'] = dict(dataset, targets={})")


def lines(outputs=OUTPUTS, targets=tuple(DESCRIBED)):
    return [HEAD[0].format(outputs), HEAD[1].format(list(targets))]


def score(data):
    """A grade and a number for every clip; the first two people of each class have no grade."""
    data['targets'] = DESCRIBED
    for place, clip in enumerate(data['annotations']):
        clip['targets'] = dict(updrs=None if '_00' in clip['subject'] else clip['label'], speed=1 + place / 10)


class Scored(StandIn):
    """Writes the predictions of targets, too."""

    def perform(self, run, slot=0):
        super().perform(run, slot)
        settings = run.record['config']['test_dataloader']['dataset']
        path, rng = run.folder / 'predictions.json', np.random.default_rng(run.fold)
        annotations = {clip['frame_dir']: clip['targets'] for clip in load_pickle(settings['ann_file'])['annotations']}
        clips = json.loads(path.read_text())['clips']
        for clip in clips:
            known, value = annotations[clip['clip']], float(rng.uniform(1, 3))
            clip['targets'] = dict(updrs=dict(label=known['updrs'], score=rng.dirichlet([1] * 4).tolist()),
                                   speed=dict(label=known['speed'], score=[value, value - .5, value + .5]))
            del clip['label'], clip['score']
        path.write_text(json.dumps(dict(targets=DESCRIBED, clips=clips)))


def test_each_target_has_its_results_and_controls(config, tmp_path, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setattr(cross_validation, 'Processes', Scored)
    monkeypatch.setattr(cross_validation, 'measure_costs', lambda configs: {})
    out = tmp_path / 'out'
    assert call(config(lines=lines(), change=score), '--out', out) == 0
    grades, numbers = (Results.read(out / f'targets/{name}/results.json') for name in DESCRIBED)
    assert grades.target.classes == ('0', '1', '2', '3') and len(grades.clips) == 8 and len(numbers.clips) == 16
    assert numbers.is_numeric and numbers.clips.label.max() == 2.5
    for results in (grades, numbers):
        assert len(results.complete()) == 4  # the network and three controls
    low, high = np.moveaxis(numbers.scores('gait features + extra-trees')[0, :, 1:], -1, 0)
    assert (low < high).all() and not (out / 'results.json').exists()
    assert 'mean absolute error in m/s' in (out / 'targets/speed/results.md').read_text()


def test_a_person_without_a_value_is_left_out_of_the_folds(config):  # noqa: F811
    def change(data):
        score(data)
        data['split'] = leave_one_subject_out(data['annotations'], 'gait')

    one = lines("outputs=dict(updrs=dict(type='CORNOutput', num_grades=4))", ['updrs'])
    task, = check_tests([Model('a', str(config(lines=one, change=change)))])
    assert len(task.tests) == 4 and task.outputs == ['0', '1', '2', '3']
    grades, numbers = check_tests([Model('a', str(config(lines=lines(), change=change)))])
    assert len(grades.tests) == 4 and len(numbers.tests) == 8 == len(all_tests([grades, numbers]))


@pytest.mark.parametrize('own, field', [
    (lines("outputs=dict(updrs=dict(type='CORNOutput', num_grades=5), speed=dict(type='GaussianOutput'))"), 'updrs'),
    (lines("outputs=dict(speed=dict(type='GaussianOutput'))"), 'outputs: speed'),
    (lines()[:1], 'none'), (lines()[1:], 'cls_head.type'), (lines(targets=['pain', 'speed']), 'targets: pain')])
def test_head_and_data_must_have_the_same_targets(config, tmp_path, own, field):  # noqa: F811
    assert field in error(config(lines=own, change=score), '--out', tmp_path / 'out')


def numeric(shift=0.):
    """Two folds and seeds of a number that two models predict."""
    rng, described = np.random.default_rng(0), dict(type='numeric', unit='m/s')
    tests = [dict(clip=f'c{place}', subject=f'p{place // 2}', label=float(rng.normal())) for place in range(24)]
    results = Results.of_folds(['value', 'low', 'high'], {0: tests[:12], 1: tests[12:]}, (0, 1),
                               target=Target.of('speed', described))
    for name in 'ab':
        errors = rng.normal(shift, .2, (2, 24))
        results.add_model(name, [[dict(clip=clip['clip'], score=[clip['label'] + error, clip['label'] + error - .4,
                                                                 clip['label'] + error + .3])
                                  for clip, error in zip(tests, row)] for row in errors])
    results.add_ensemble('both', 'ab')
    results.baseline = 'a'
    return results


def test_numbers_are_read_again(tmp_path):
    results = numeric()
    results.write(tmp_path / 'results.json')
    assert same(results, Results.read(tmp_path / 'results.json'))
    content = json.loads((tmp_path / 'results.json').read_text())
    content['target'] = dict(name='speed', type='amount')
    (tmp_path / 'results.json').write_text(json.dumps(content))
    with pytest.raises(ResultsError, match='results.json: target.type'):
        Results.read(tmp_path / 'results.json')


def test_ensemble_of_numbers_is_a_mixture():
    scores = numeric()
    single, both = [scores.scores(name) for name in 'ab'], scores.scores('both')
    np.testing.assert_allclose(both[..., 0], np.mean(single, 0)[..., 0])
    widths = [(part[..., 2] - part[..., 1]) for part in (*single, both)]
    assert (widths[2] >= np.minimum(*widths[:2]) - 1e-6).all()


def test_tables_and_page_show_the_scale(tmp_path):
    results = numeric()
    rows = scale_rows(results)
    assert [row[:3] for row in rows[1:3]] == [['a', 'clip', '24'], ['a', 'subject', '12']]
    assert len({len(row) for row in rows}) == 1 and len(scale_difference_rows(results, 'a')) == 3
    write_report(results, tmp_path)
    page = (tmp_path / 'results.html').read_text()
    assert 'Predicted and true values' in page and 'Confusion' not in page and 'ROC' not in page


def test_classes_become_grades_by_request(tmp_path):
    make().write(tmp_path / 'results.json')
    report([str(tmp_path / 'results.json'), '--ordinal', 'stage', '--out', str(tmp_path / 'out'), '--save-results',
            str(tmp_path / 'out/results.json')])
    results = Results.read(tmp_path / 'out/results.json')
    assert results.has_scale and results.target.grades == ('NM', 'KOA', 'PD')
    merged = tmp_path / 'merged.json'
    report([str(tmp_path / 'out/results.json'), f'more={tmp_path / "results.json"}', '--ordinal', 'stage', '--out',
            str(tmp_path / 'merged'), '--save-results', str(merged)])
    assert list(Results.read(merged).models) == ['a', 'b', 'more-a', 'more-b']
    shares = [float(cell.split()[0]) for cell in distance_rows(results)[1][1:]]
    assert sum(shares) == pytest.approx(100, abs=.2)
    assert 'quadratic kappa' in (tmp_path / 'out/results.md').read_text()


def test_folders_of_predictions_are_compared_by_target(tmp_path):
    clips = [dict(clip=f'c{place}', subject=f'p{place}', targets=dict(
        updrs=dict(label=place % 4 if place else None, score=[.1, .2, .3, .4]),
        speed=dict(label=1 + place / 10, score=[1.3, 1., 1.8]))) for place in range(8)]
    (tmp_path / 'predictions.json').write_text(json.dumps(dict(targets=DESCRIBED, clips=clips)))
    assert len(results_of_folder('a', tmp_path, 'updrs').clips) == 7
    report([f'a={tmp_path}', '--target', 'speed', '--out', str(tmp_path / 'out')])
    assert 'mean absolute error in m/s' in (tmp_path / 'out/results.md').read_text()
    for name in (None, 'pain'):
        with pytest.raises(ResultsError, match='predictions.json: targets: updrs, speed'):
            results_of_folder('a', tmp_path, name)


def test_results_of_another_target_are_not_merged():
    grades = make()
    grades.target = Target.of('stage', dict(type='ordinal', grades=grades.classes))
    with pytest.raises(ResultsError, match='more.json: target: classes'):
        merge_results(grades, make(models=('c', )), 'more.json')


def test_too_few_values_are_an_error_of_the_folds():
    task = cross_validation.Task(None, ['a', 'b'], {0: [dict(clip='x', subject='p', label=0)]})
    with pytest.raises(ConfigError, match='--folds'):
        cross_validation.measurable([task], [0])
