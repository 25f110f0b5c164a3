"""What the READMEs and metafiles say of results is what the kept results.json files hold."""
import json
import re
import shlex
from types import SimpleNamespace

import pytest
import yaml
from mmengine.config import Config

from dynstg_mm.benchmark.results import is_complete, pooled, read_results
from dynstg_mm.benchmark.statistics import mean_scores
from dynstg_mm.benchmark.tables import difference_rows, protocol_rows, result_rows
from dynstg_mm.commands import robustness

from .conftest import ROOT


def tables(folder):
    return sorted(path for path in folder.glob('results/*.json') if path.stem != 'robustness')


RESULTS = [path for folder in sorted((ROOT / 'configs').iterdir()) for path in tables(folder)]
METAFILES = sorted((ROOT / 'configs').glob('*/metafile.yml'))


@pytest.mark.parametrize('path', METAFILES, ids=lambda path: path.parent.name)
def test_metafile_tells_what_was_measured(path):
    content = yaml.safe_load(path.read_text())
    collections = {collection['Name'] for collection in content['Collections']}
    assert all((ROOT / collection['README']).is_file() for collection in content['Collections'])
    # where all models stand together, and of its own folder, which counts
    found = [tables(folder) for folder in dict.fromkeys((ROOT / 'configs/dynstg_mamba', path.parent))]
    measured = {}
    # the table with the most seeds counts, where a config stands in several
    for results in (one for part in found for one in sorted(map(read_results, part), key=lambda results: len(results['seeds']))):
        for name, model in results['models'].items():
            if model['kind'] != 'model' or not is_complete(results, name):
                continue
            # of the config as it is; where its teacher lies changes nothing
            if all(option.startswith('model.teacher_ckpt=') for option in model['options']):
                measured[model['config']] = mean_scores(pooled(results, name), len(results['classes'])), model['cost']
    own = {config for config in measured if (ROOT / config).parent == path.parent}
    assert own and sorted(own) == sorted(model['Config'] for model in content['Models'])
    for model in content['Models']:
        scores, cost = measured[model['Config']]
        assert model['In Collection'] in collections and (ROOT / model['Config']).stem == model['Name']
        metrics = model['Results']['Metrics']
        assert metrics['Top 1 Accuracy'] == round(100 * scores['accuracy'], 2)
        assert metrics['Macro-F1'] == round(scores['macro_f1'], 4)
        assert metrics['Macro-Recall'] == round(scores['macro_recall'], 4)
        assert model['Metadata']['Parameters'] == f'{cost["parameters"] / 1e6:.3f}M'
        assert model['Metadata']['Epochs'] == Config.fromfile(ROOT / model['Config']).train_cfg.max_epochs


def test_index_names_all_metafiles():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert index['Import'] == [str(path.relative_to(ROOT)) for path in METAFILES]


@pytest.mark.parametrize('path', RESULTS, ids=lambda path: path.stem)
def test_readme_tells_what_was_measured(path):
    """Both tables of that data set are those that the tool makes."""
    results, text = read_results(path), (path.parents[1] / 'README.md').read_text()
    part = re.search(rf'\n#+ [^\n]*\n(?:(?!\n## ).)*{re.escape(path.name)}(.*?)(?=\n##|\Z)', text, re.S)[1] + '\n'
    baseline = re.search(r'^\| model \| accuracy - (\S+) ', part, re.M)[1]
    assert table(result_rows(results)) in part and table(difference_rows(results, baseline)) in part


@pytest.mark.parametrize('path', sorted(ROOT.glob('configs/*/results/*.json')), ids=lambda path: f'{path.parts[-3]}-{path.stem}')
def test_origin_is_told_once_and_can_be_typed_anywhere(path):
    results = json.loads(path.read_text())
    commands = results['command'].splitlines()
    for parts in (commands, *(version.split(' or ') for version in results['versions'].values())):
        assert len(set(parts)) == len(parts)
    assert not [part for command in commands for part in shlex.split(command) if re.search('(^|=)/', part)]


def test_readme_tells_how_robust_the_models_are():
    everything = SimpleNamespace(models=None, kinds=None, baseline=None)
    content = robustness.read([ROOT / 'configs/dynstg_mamba/results/robustness.json'], everything)
    assert table(robustness.table(content)[1]) in (ROOT / 'configs/dynstg_mamba/README.md').read_text()


def test_main_readme_sums_up_all_tables():
    """Models that stand in the three tables of KOA-PD-NM, and those with lost joints, side by side, with MSND."""
    names = {'KOA-NM': 'koa-nm', '3 classes': 'koa-pd-nm', 'stages': 'koa-stage', 'MSND': 'msnd', 'MSND by clip': 'msnd-by-clip'}
    folder = ROOT / 'configs/dynstg_mamba/results'
    header, *rows = protocol_rows({name: read_results(folder / f'{path}.json') for name, path in names.items()})
    rows = [row for row in rows if row[0].endswith('-jointdropout') or all(row[:7]) and row[0] not in ('bone', 'motion', 'angle')]
    assert len(rows) > 19 and table([header, *rows]) in (ROOT / 'README.md').read_text()


def table(rows):
    """Markdown as the READMEs have it, not filled up to columns, and whole: nothing stands before or behind it."""
    header, *rows = (f'| {" | ".join(row)} |' for row in rows)
    return '\n\n' + '\n'.join([header, '|' + ' --- |' * header.count(' | ') + ' --- |', *rows]) + '\n\n'
