import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from dynstg_mm.benchmark.results import UNKNOWN_SEED, Results
from dynstg_mm.benchmark.tables import result_rows
from dynstg_mm.errors import ResultsError


def make(clips=24, seeds=(0, 1, 2), models=('a', 'b'), classes=('NM', 'KOA', 'PD')):
    """Two folds of random scores, two clips a subject."""
    rng = np.random.default_rng(0)
    tests = [dict(clip=f'clip_{index:03}', subject=f'p{index // 2}', label=index // 2 % len(classes))
             for index in range(clips)]
    results = Results.of_folds(classes, {0: tests[:clips // 2], 1: tests[clips // 2:]}, seeds)
    for name in models:
        drawn = [rng.dirichlet([.3] * len(classes), clips) for _ in seeds]
        results.add_model(name, [[dict(clip=clip['clip'], score=list(score)) for clip, score in zip(tests, scores)]
                                 for scores in drawn])
    return results


def same(first, second):
    """Whether two results say the same."""
    fields = [field.name for field in dataclasses.fields(Results) if field.name not in ('table', 'clips')]
    return (first.clips.equals(second.clips)
            and all(getattr(first, field) == getattr(second, field) for field in fields)
            and all(np.array_equal(first.scores(name), second.scores(name), equal_nan=True) for name in first.models))


@pytest.fixture
def everything():
    """Results that use every field."""
    results = make()
    results.models['a'] = dataclasses.replace(
        results.models['a'], config='a.py', options=['x=1'], commands=['train'], cost=dict(parameters=5),
        curves={(seed, fold): [1., seed + fold / 2] for seed in range(3) for fold in range(2)})
    results.add_model('c', [], kind='control', note='no layout')
    results.add_ensemble('both', ['a', 'b'])
    results.add_ensemble('all', ['a', 'b'], over_seeds=True)
    return dataclasses.replace(results, baseline='a', command='first\nsecond', versions=dict(numpy='2'), leaking=['p1'])


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


def test_models_are_merged_clip_by_clip():
    results, other = make(models=('a', )), make(models=('b', ))
    expected = other.pooled('b')
    other.clips = other.clips.sample(frac=1, random_state=1)
    other.table = other.table.sample(frac=1, random_state=2)
    merged = results.merge(other, 'more.json')
    assert merged.pooled('b') == expected and list(merged.models) == ['a', 'b']


def test_controls_of_both_are_merged_to_one(everything):
    other = make(models=('d', ))
    other.add_model('c', [[dict(clip=name, score=[1., 0., 0.]) for name in other.clips.index]] * 3, kind='control')
    merged = everything.merge(other, 'more.json')
    assert merged.models['c'].note == 'no layout' and not merged.is_complete('c') and merged.is_complete('d')


def test_seeds_are_merged_in_any_order(everything):
    first, rest = everything.select(seeds=[0]), everything.select(seeds=[2, 1])
    rest = dataclasses.replace(rest, command='second\nthird', leaking=['p2'], versions=dict(numpy='2', torch='3'))
    names = ['a', 'b', 'c', 'both']
    merged = first.select(models=names).merge(rest.select(models=names), 'more.json')
    expected = dataclasses.replace(everything, command='first\nsecond\nthird', leaking=['p1', 'p2'],
                                   versions=dict(numpy='2', torch='3'))
    expected = expected.select(models=['a', 'b', 'c', 'both'], seeds=[0, 2, 1])
    assert same(merged, expected)
    both = everything.merge(everything.select(seeds=[2, 0, 1]).rename('mine'), 'again.json')
    assert all(np.array_equal(both.scores(f'mine-{name}'), both.scores(name)) for name in 'ab')


def test_predictions_of_an_unknown_seed_stand_beside_those_of_one():
    for ours, theirs in ((0, UNKNOWN_SEED), (UNKNOWN_SEED, 0)):
        merged = make(models=('a', ), seeds=(ours, )).merge(make(models=('b', ), seeds=(theirs, )), 'folder')
        assert merged.complete() == ['a', 'b'] and merged.seeds == [ours]


@pytest.mark.parametrize('change, field', [
    (lambda other: other.clips.__setitem__('label', [0, 0, 0, *other.clips.label[3:]]), 'clip clip_002'),
    (lambda other: other.clips.__setitem__('fold', [1 - fold for fold in other.clips.fold]), 'clip clip_000'),
    (lambda other: other.clips.rename({'clip_002': 'else'}, inplace=True), 'clips: clip_002'),
    (lambda other: other.seeds.__setitem__(slice(None), [2, 3, 4]), 'seeds'),
    (lambda other: other.seeds.__setitem__(slice(None), [3, 4, 5]), 'models'),
    (lambda other: other.models.update(a=other.models.pop('b')), 'models: the name a'),
    (lambda other: other.classes.reverse(), 'classes'),
])
def test_results_that_do_not_fit_are_refused(change, field):
    other = make(models=('b', ))
    change(other)
    with pytest.raises(ResultsError, match=f'^more.json: {field}'):
        make(models=('a', )).merge(other, 'more.json')


def test_further_seeds_of_another_model_are_refused(everything):
    more = everything.select(models=['a', 'b', 'c'], seeds=[1])
    more.models['a'].options = ['model.backbone.dynamic=False']
    with pytest.raises(ResultsError, match=r'^more.json: models.a.options'):
        everything.select(models=['a', 'b', 'c'], seeds=[0]).merge(more, 'more.json')


@pytest.mark.parametrize('change, field', [
    (lambda content: content.update(format='other'), 'format'),
    (lambda content: content.update(classes=['NM']), 'classes'),
    (lambda content: content.update(seeds=[0, 1, 1]), 'seeds'),
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
