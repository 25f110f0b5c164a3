import re

from matplotlib.image import imread

from dynstg_mm.benchmark.page import title_of, write_page, write_report
from dynstg_mm.benchmark.tables import result_rows, write_tables

from .conftest import make


def fail(results, name, error):
    """Take the scores of one run away."""
    results.table = results.table[(results.table.model != name) | (results.table.seed != 1) | (results.table.fold != 0)]
    results.models[name].failed = [dict(seed=1, fold=0, error=error)]


def test_page_is_one_file_and_reports_what_failed(tmp_path):
    hostile = 'b<i>"$x$'
    results = make(models=('a', hostile), classes=('NM', '</pre><script>', 'PD'))
    fail(results, 'a', 'error: <b>out</b> of memory')
    results.baseline, results.command, results.versions = 'a', 'echo </pre><script>alert(1)</script>', dict(x='<i>')
    write_page(results, tmp_path / 'page.html')
    page = (tmp_path / 'page.html').read_text()
    assert page.startswith('<!DOCTYPE html>') and 'error: &lt;b&gt;out&lt;/b&gt; of memory' in page
    assert 'b&lt;i&gt;&#34;$x$' in page and '<h2>Differences' not in page
    assert not re.search('<i>|<b>|<script|<link|https?:', page)
    assert page.count('<img alt="') == page.count('<img') == page.count('src="data:image/svg+xml;base64,') > 3
    assert len(re.findall('no differences to a', page + write_tables(results, tmp_path / 'page.md', 'a'))) == 2


def test_title_names_data_set_task_and_classes(tmp_path):
    results = make()
    assert title_of(results) == ', '.join(results.classes)
    results.models['a'].config = 'configs/stgcn/stgcn_1xb16_koa-keypoint-2d.py'
    results.models['a'].options = ['task=pd']
    write_page(results, tmp_path / 'page.html')
    assert f'<h1>koa-keypoint-2d, pd: {", ".join(results.classes)}</h1>' in (tmp_path / 'page.html').read_text()


def test_sections_come_in_order(tmp_path):
    results = make()
    results.baseline, results.command, results.versions = 'a', 'command', dict(numpy='2')
    results.models['a'].cost = dict(parameters=5, latency_ms=1., device='cpu', threads=1)
    results.models['a'].curves = {(0, 0): [2., 1.]}
    results.add_model('metadata only', [results.pooled('a')[0]] * 3, kind='control')
    write_page(results, tmp_path / 'page.html', dict(one=results, other=results))
    titles = ['Results', 'Differences to a', 'One class against the rest', 'By protocol', 'Macro-F1',
              'Confusion matrices', 'ROC', 'Calibration', 'Decision curves', 'Errors by subject', 'Learning curves',
              'Cost', 'Metadata control', 'Versions', 'Commands']
    assert re.findall('<h2>(.*?)</h2>', (tmp_path / 'page.html').read_text()) == titles


def test_a_leak_is_reported_and_rows_by_subject_are_left_out(tmp_path):
    results = make()
    assert {row[1] for row in result_rows(results)[1:]} == {'clip', 'subject'}
    results.clips.loc['clip_000', 'subject'] = results.clips.subject.iloc[-1]
    assert {row[1] for row in result_rows(results)[1:]} == {'clip'}
    write_page(results, tmp_path / 'page.html')
    for text in (write_tables(results, tmp_path / 'results.md'), (tmp_path / 'page.html').read_text()):
        assert 'leaking: 1 of 12 subjects' in text
    assert 'per subject' not in (tmp_path / 'page.html').read_text()


def test_picture_has_a_line_for_every_complete_model(tmp_path):
    results, heights = make(), []
    for name in ('b', 'a'):
        assert 'results.png' in write_report(results, tmp_path)
        picture = imread(tmp_path / 'results.png')
        assert picture.min() < 0.1  # it is not empty
        heights.append(len(picture))
        fail(results, name, 'error')
        (tmp_path / 'results.png').unlink()
    assert heights[0] > heights[1]
    assert write_report(results, tmp_path) == ['results.md', 'results.html'] and not (tmp_path / 'results.png').exists()
