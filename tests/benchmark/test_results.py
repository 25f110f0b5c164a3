import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from dynstg_mm.benchmark.results import Results
from dynstg_mm.benchmark.tables import result_rows
from dynstg_mm.errors import ResultsError

from .conftest import make, same


def test_what_is_written_is_read_again(everything, tmp_path):
    drop = everything.table.index[[3, 40]]  # two clips without scores
    everything.table = everything.table.drop(drop)
    everything.models['a'].failed = [dict(seed=1, fold=0, error='out of memory')]
    everything.write(tmp_path / 'results.json')
    again = Results.read(tmp_path / 'results.json')
    assert same(again, everything) and [again.is_complete(name) for name in 'ab'] == [False, True]
    assert json.loads((tmp_path / 'results.json').read_text())['models']['a']['scores'][0][3] is None


def test_table_is_tidy():
    table = make().table
    assert list(table.columns) == ['model', 'seed', 'fold', 'clip', 'subject', 'label', 'score_0', 'score_1', 'score_2']
    assert len(table) == 2 * 3 * 24 and not table.duplicated(['model', 'seed', 'clip']).any()
    right = table.filter(like='score_').to_numpy().argmax(1) == table.label
    means = table.assign(right=right).groupby('model').right
    pooled = [clip for seed in make().pooled('a') for clip in seed]
    assert means.mean()['a'] == np.mean([np.argmax(clip['score']) == clip['label'] for clip in pooled])


def test_ensembles_average_by_seed_or_over_the_seeds(everything):
    np.testing.assert_allclose(everything.scores('both'), (everything.scores('a') + everything.scores('b')) / 2)
    np.testing.assert_allclose(everything.scores('all'), [everything.scores('both').mean(0)] * 3)
    header, *rows = result_rows(dataclasses.replace(everything, leaking=[]))
    deviations = {row[0]: row[header.index('sd over seeds')] for row in rows if row[1] == 'clip'}
    assert deviations['both'] and deviations['all'] == ''
    part = everything.select(seeds=[2, 0])
    np.testing.assert_allclose(part.scores('all')[1], everything.scores('both')[[2, 0]].mean(0))
    assert 'all' not in everything.select(seeds=[2]).models  # one seed leaves nothing to average over


def test_file_of_a_real_size_fits_into_a_repository(tmp_path):
    results = make(clips=190, models=('a', 'b', 'c'), classes=('w', 'x', 'y', 'z'))
    for facts in results.models.values():
        facts.curves = {(seed, fold): np.random.default_rng(0).random(150).round(4).tolist()
                        for seed in range(3) for fold in range(2)}
    results.write(tmp_path / 'results.json')
    assert (tmp_path / 'results.json').stat().st_size < 200_000


def test_rounding_keeps_the_decision_and_small_scores():
    results = make(models=(), seeds=(0, ))
    results.add_model('close', [[dict(clip='clip_000', score=[.33333333, .33333333, .33333334]),
                                 dict(clip='clip_001', score=[1e-7, .25, .75])]])
    close, small = results.scores('close')[0][:2]
    assert np.argmax(close) == 2 and close[2] > max(close[:2]) and small.tolist() == [1e-7, .25, .75]


def test_a_model_that_lacks_a_clip_is_incomplete():
    results = make()
    results.table = results.table[(results.table.model != 'b') | (results.table['clip'] != 'clip_003')]
    results.add_ensemble('both', ['a', 'b'])
    assert results.complete() == ['a']
    rows = result_rows(results)
    assert [row[1] for row in rows[1:]] == ['clip', 'subject', 'incomplete', 'incomplete']
    assert len({len(row) for row in rows}) == 1


def test_leaks_inside_and_outside_the_selected_folds():
    results = make()
    assert results.leaking_subjects() == []
    results.clips.loc['clip_000', 'subject'] = results.clips.subject.iloc[-1]
    leaking = results.leaking_subjects()
    assert leaking == ['p11']
    assert results.select(folds=[1]).leaking_subjects() == leaking  # its model saw the clip of fold 0
    assert dataclasses.replace(make(), leaking=['p0', 'elsewhere']).leaking_subjects() == ['p0']


def test_selection_keeps_all_that_belongs_to_it(everything):
    everything.models['a'].failed = [dict(seed=0, fold=0, error='x'), dict(seed=2, fold=1, error='y')]
    part = everything.select(models=['b', 'a', 'both'], seeds=[2, 0], folds=[1])
    assert list(part.models) == ['a', 'b', 'both'] and part.seeds == [2, 0] and part.folds == [1]
    assert part.baseline == 'a' and everything.select(models=['b']).baseline is None
    np.testing.assert_array_equal(part.scores('a'), everything.scores('a')[[2, 0], 12:])
    assert part.models['a'].curves == {(0, 1): [1., .5], (2, 1): [1., 2.5]}
    assert part.models['a'].failed == [dict(seed=2, fold=1, error='y')]
    assert set(part.table['clip']) == set(everything.clips.index[12:]) and set(part.table.model) == {'a', 'b'}


@pytest.mark.parametrize('selection, field', [
    (dict(seeds=[0, 5]), 'seeds'), (dict(seeds=[0, 0]), 'seeds'), (dict(folds=[2]), 'folds'),
    (dict(models=['d']), 'models'), (dict(models=['both', 'a']), 'both averages b')])
def test_selection_of_what_is_not_there_is_refused(everything, selection, field):
    with pytest.raises(ResultsError, match=f'^own.json: {field}'):
        everything.select(source='own.json', **selection)


def test_renamed_models_stay_members(everything):
    renamed = everything.rename('mine')
    assert list(renamed.models) == ['mine-a', 'mine-b', 'c', 'mine-both', 'mine-all'] and renamed.baseline == 'mine-a'
    np.testing.assert_array_equal(renamed.scores('mine-both'), everything.scores('both'))


@pytest.mark.parametrize('change, field', [
    (lambda content: content.update(format='other'), 'format'),
    (lambda content: content.update(classes=['NM']), 'classes'),
    (lambda content: content.update(seeds=[0, 1, 1]), 'seeds'),
    (lambda content: content.update(baseline='c'), 'baseline'),
    (lambda content: content['clips']['label'].__setitem__(0, 3), 'clips.label'),
    (lambda content: content['clips']['fold'].pop(), 'clips'),
    (lambda content: content['clips']['name'].__setitem__(1, 'clip_000'), 'clips.name'),
    (lambda content: content['clips'].update(subject=['a'] * 24), 'clips.subject'),
    (lambda content: content['clips']['subject'].__setitem__(0, []), 'clips.subject.0'),
    (lambda content: content['models']['a']['scores'].pop(), 'models.a.scores'),
    (lambda content: content['models']['a']['scores'][0].pop(), 'models.a.scores'),
    (lambda content: content['models']['a']['scores'][0].__setitem__(0, [1]), r'models.a.scores: \[1\]'),
    (lambda content: content['models']['a']['scores'][0].__setitem__(0, [1, 'x', 0]), 'models.a.scores'),
    (lambda content: content['models']['a']['scores'][0].__setitem__(0, [1, float('nan'), 0]), 'models.a.scores'),
    (lambda content: content['models']['a'].pop('scores'), 'models.a.scores'),
    (lambda content: content['models']['a'].update(curves=[[[1.]]] * 3), 'models.a.curves'),
    (lambda content: content['models']['a'].update(curves=[['x']]), 'models.a.curves.0.0'),
    (lambda content: content['models']['a'].update(failed=[dict(seed=0)]), 'models.a.failed.0.fold'),
    (lambda content: content['models']['a'].update(cost=dict(parameters='x')), 'models.a.cost.parameters'),
    (lambda content: content['models']['a'].update(kind='good'), 'models.a.kind'),
    (lambda content: content['models'].update(e=dict(kind='ensemble', members=['a', 'c'])), 'models.e.members'),
    (lambda content: content.update(versions=['1']), 'versions'),
])
def test_a_wrong_file_is_named_with_its_field(tmp_path, change, field):
    make().write(tmp_path / 'wrong.json')
    content = json.loads((tmp_path / 'wrong.json').read_text())
    change(content)
    (tmp_path / 'wrong.json').write_text(json.dumps(content))
    with pytest.raises(ResultsError, match=f'wrong.json: {field}'):
        Results.read(tmp_path / 'wrong.json')


def test_half_a_file_is_named(tmp_path):
    (tmp_path / 'half.json').write_text('{"format":')
    with pytest.raises(ResultsError, match='half.json'):
        Results.read(tmp_path / 'half.json')


def test_the_index_of_the_clips_is_their_name():
    assert isinstance(make().clips, pd.DataFrame) and make().clips.index.name == 'clip'
