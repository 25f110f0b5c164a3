from dynstg_mm.text import few, markdown


def test_few_shows_the_first_names_or_the_most_similar():
    names = ['stage_fold0_train', 'stage_fold0_test', 'koa_stage', 'three_class', 'koa_nm']
    assert few(names) == 'stage_fold0_train, stage_fold0_test, koa_stage and 2 more'
    assert few(names, like='koa').startswith('koa_nm, koa_stage')
    assert few([]) == few([], like='koa') == 'none' and few(['a']) == 'a'


def test_a_table_keeps_its_columns():
    assert markdown([['a', 'bc'], ['d|', '']]) == '| a   | bc |\n|-----|----|\n| d\\| |    |'
