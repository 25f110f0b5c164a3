"""The published results load and fit together, and tables and metafiles are made from them."""
import json
import re
import shlex
import shutil

import pytest
import yaml

from dynstg_mm.benchmark.explanations import read_checks
from dynstg_mm.benchmark.published import BLOCK, COLLECTIONS, Published
from dynstg_mm.benchmark.results import Results
from dynstg_mm.benchmark.robustness import Robustness
from dynstg_mm.benchmark.runs import Model
from dynstg_mm.commands.make_tables import main
from dynstg_mm.errors import ConfigError, ResultsError
from dynstg_mm.files import resolve_shipped

from ..conftest import ROOT

PATHS = sorted(ROOT.glob('configs/*/results/*.json'))
ABLATION = sorted(ROOT.glob('configs/dynstg_mamba/ablation/*.json'))


@pytest.mark.parametrize('path', PATHS + ABLATION, ids=lambda path: f'{path.parts[-3]}-{path.parts[-2]}-{path.stem}')
def test_published_results_are_complete_and_their_origin_is_known(path):
    results = Robustness.read(path) if path.stem == 'robustness' else Results.read(path)
    assert results.baseline in results.models and results.versions['torch']
    commands = results.command.splitlines()
    for parts in (commands, *(version.split(' or ') for version in results.versions.values())):
        assert len(set(parts)) == len(parts)
    words = [word for command in commands for word in shlex.split(command)]
    assert not [word for word in words if re.search('(^|=)/', word)]  # they can be typed on any machine
    if isinstance(results, Results):
        assert results.complete() == list(results.models)
        for name, facts in results.models.items():
            assert facts.kind != 'model' or (ROOT / facts.config).is_file() and facts.cost['parameters'] > 0, name


@pytest.mark.usefixtures('read_once')
def test_configs_and_options_of_published_models_are_still_valid():
    models = {(facts.config, tuple(facts.options)) for path in PATHS if path.stem != 'robustness'
              for facts in Results.read(path).models.values() if facts.kind == 'model'}
    assert len(models) > 35
    for config, options in models:
        Model('', str(ROOT / config), options).settings(fold=0)


@pytest.fixture
def repository(tmp_path):
    """A repository with the results of one small table, a document and the configs that it names."""
    for name in ('_base_', 'stgcn', 'dynstg_mamba'):
        shutil.copytree(ROOT / 'configs' / name, tmp_path / 'configs' / name, ignore=shutil.ignore_patterns('*.json'))
    (tmp_path / 'configs/dynstg_mamba/results').mkdir(exist_ok=True)
    results = Results.read(ROOT / 'configs/dynstg_mamba/results/koa-nm.json')
    results.select(models=['small', 'st-gcn', 'metadata only']).write(
        tmp_path / 'configs/dynstg_mamba/results/koa-nm.json')
    for path in tmp_path.glob('configs/*/*.md'):
        path.unlink()
    (tmp_path / 'README.md').write_text(
        'Before.\n<!-- begin results: dynstg_mamba/koa-nm -->\nold\n<!-- end results -->\n'
        'Between.\n<!-- begin results: dynstg_mamba/koa-nm:differences -->\n<!-- end results -->\nAfter.\n')
    return tmp_path


def test_only_marked_tables_are_replaced(repository, capsys):
    readme, metafile = repository / 'README.md', repository / 'configs/stgcn/metafile.yml'
    assert main(['--check', '--root', str(repository)]) == 1
    assert f'{readme}: ' in capsys.readouterr().err and 'old' in readme.read_text()
    assert main(['--root', str(repository)]) == 0 and main(['--check', '--root', str(repository)]) == 0
    text = readme.read_text()
    assert BLOCK.sub('', text) == 'Before.\n\nBetween.\n\nAfter.\n' and 'old' not in text
    assert [match['body'].count('\n') for match in BLOCK.finditer(text)] == [7, 6]
    assert 'macro-F1 - st-gcn [95 %]' in text
    model, = yaml.safe_load(metafile.read_text())['Models']
    assert (ROOT / model['Config']).is_file() and (ROOT / model['Config']).stem == model['Name']
    assert model['Metadata']['Epochs'] == 30 and model['Metadata']['Parameters'] == '3.084M'
    assert model['Results'][0] == dict(Dataset='KOA-NM', Task='Skeleton-based Gait Disorder Recognition', Metrics={
        'Top 1 Accuracy': 94.97, 'Macro-F1': 0.9457, 'Macro-Recall': 0.9426})
    weights = [model['Weights'] for model in yaml.safe_load((
        repository / 'configs/dynstg_mamba/metafile.yml').read_text())['Models'] if 'Weights' in model]
    assert len(weights) == 5 and all(resolve_shipped(path).is_file() for path in weights)


@pytest.mark.parametrize('text, field', [
    ('<!-- begin results: nobody/koa-nm -->\n<!-- end results -->\n', 'nobody/koa-nm.*dynstg_mamba/koa-nm'),
    ('<!-- begin results: summary -->\n', 'pairs'),
    ('<!-- begin results: summary -->\n<!-- begin results: goals -->\n<!-- end results -->\n<!-- end results -->',
     'pairs'),
])
def test_wrong_marks_are_named(tmp_path, text, field):
    (tmp_path / 'page.md').write_text(text)
    with pytest.raises(ConfigError, match=f'page.md.*{field}'):
        Published(ROOT).replaced(tmp_path / 'page.md')


def test_missing_results_of_a_table_are_named(tmp_path):
    (tmp_path / 'configs/zoo/results').mkdir(parents=True)
    shutil.copy(ROOT / 'configs/zoo/results/koa-nm-OpenPose-to-OpenPose.json', tmp_path / 'configs/zoo/results')
    with pytest.raises(ResultsError, match='configs/dynstg_mamba/results/.*json: no such file'):
        Published(tmp_path).tables['summary']()


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='results'):
        Published(tmp_path)


def test_every_table_can_be_made_and_is_narrow():
    published = Published(ROOT)
    for name in ('summary', 'robustness', 'dynstg_mamba/msnd', 'dynstg_mamba/msnd:subject', 'dynstg_mamba/msnd:cost',
                 'dynstg_mamba/msnd:differences', 'doubts', 'estimators', 'answers', 'answers:doubts',
                 'answers:strangers', 'speed:coco', 'speed:nturgb+d'):
        rows = published.tables[name]()
        assert len(rows) > 4 and {len(row) for row in rows} == {len(rows[0])} and len(rows[0]) <= 6, name
    assert len(published.tables) == 14 + 4 * (len(PATHS) - 1)


def test_index_names_all_metafiles():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    metafiles = {path.parent.name for path in ROOT.glob('configs/*/metafile.yml')}
    assert metafiles <= {*COLLECTIONS, 'zoo'}  # a network without published results has none
    assert index['Import'] == sorted(f'configs/{folder}/metafile.yml' for folder in metafiles)


def test_rewriting_a_published_file_changes_nothing(tmp_path):
    path = ROOT / 'configs/dynstg_mamba/results/koa-nm.json'
    Results.read(path).write(tmp_path / 'again.json')
    assert json.loads((tmp_path / 'again.json').read_text()) == json.loads(path.read_text())


def test_explanations_have_their_tables(repository):
    model = dict(clips=32, area=0.312, random_area=0.5, lower=0.9, holds=0.75, correlation=-0.01, seconds=1.6)
    path = repository / 'configs/zoo/explanations.json'
    path.parent.mkdir(exist_ok=True)
    content = dict(models=dict(small=model), joints=dict(left_wrist=dict(clips=12, recognised=11, joint=10, limb=9)))
    path.write_text(json.dumps(content))
    document = repository / 'README.md'
    document.write_text('<!-- begin results: explanations -->\n<!-- end results -->\n'
                        '<!-- begin results: explanations:joints -->\n<!-- end results -->\n')
    assert main(['--root', str(repository)]) == 0
    text = ' '.join(document.read_text().split())
    assert '| small | 32 | 0.312 | 0.500 | 90 % | 75 % | -0.01 |' in text
    assert '| left wrist | 12 | 11 | 10 | 9 |' in text
    del model['area']
    path.write_text(json.dumps(content))
    with pytest.raises(ResultsError, match='models.small.area'):
        read_checks(path)
