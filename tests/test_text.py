import pytest

from dynstg_mm.text import alike_names, few, markdown


def test_few_shows_the_first_names_or_the_most_similar():
    names = ['stage_fold0_train', 'stage_fold0_test', 'koa_stage', 'three_class', 'koa_nm']
    assert few(names) == 'stage_fold0_train, stage_fold0_test, koa_stage and 2 more'
    assert few(names, like='koa').startswith('koa_nm, koa_stage')
    assert few(['Koa_2', 'KOA_1', 'x'], like='koa_1', most=1) == 'KOA_1 and 2 more'
    assert few([]) == few([], like='koa') == 'none' and few(['a']) == 'a'


def test_a_table_keeps_its_columns():
    assert markdown([['a', 'bc'], ['d|', '']]) == '| a   | bc |\n|-----|----|\n| d\\| |    |'


@pytest.mark.parametrize('names, alike', [
    (['P1', 'p 1'], True), (['1', '01'], True), (['P01', 'P1'], True), (['1', '1.0'], True),
    (['1', '10'], False), (['P10', 'P100'], False), (['1.1', '1.10'], False), (['1.05', '1.5'], False),
    (['0', '00'], True), (['a', 'b', 'A'], True),
])
def test_names_that_are_probably_one(names, alike):
    assert (alike_names(names) is not None) == alike
