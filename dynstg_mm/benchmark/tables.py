"""Tables of cross-validated results."""
import itertools

import numpy as np

from dynstg_mm.benchmark.baselines import METADATA
from dynstg_mm.benchmark.results import folds_of, is_complete, leaking_subjects, pooled
from dynstg_mm.benchmark.statistics import by_subject, mean_scores, paired_difference, subject_interval
from dynstg_mm.files import atomic_open

TITLES = dict(accuracy='accuracy', macro_f1='macro-F1', macro_recall='macro-recall', log_loss='log-loss')
OVER_FOLDS = ('accuracy', 'macro_f1', 'macro_recall')  # what papers give
DIFFERENCES = ('accuracy', 'macro_f1', 'log_loss')
PROTOCOLS = ('accuracy', 'macro_f1')
COST = dict(  # key -> title, how it is written
    parameters=('parameters', '{:,}'.format), multiply_adds=('multiply-adds', lambda value: f'{value / 1e9:.3f} G'),
    cpu_minutes=('CPU min a fold', '{:.1f}'.format), seconds=('seconds a fold', '{:.0f}'.format),
    latency_ms=('latency, batch 1 [ms]', '{:.1f}'.format))


def result_rows(results, *, cost=True):
    """The table of all models, per clip and per subject.

    Scores are pooled over the folds, with the interval by subject, and averaged over the seeds. Beside them stand the
    standard deviation over seeds, where there are several (a sample of all seeds, so n - 1), and mean ± standard
    deviation over folds (which are all there are, so n); a fold's score is the mean over the seeds. A row that is an
    ensemble over the seeds has no deviation over them. Where subjects stand in several folds, there is no row per
    subject: it would be about people whom the models know.

    Args:
        results (dict): As `read_results` returns them.
        cost (bool): What the models cost, in further columns.

    Returns:
        list[list[str]]: Cells, the header first. A model that lacks a run has no scores.
    """
    several = len(results['seeds']) > 1
    costs = [key for key in COST
             if cost and any(key in (model.get('cost') or {}) for model in results['models'].values())]
    header = ['model', 'per', 'n']
    for score, title in TITLES.items():
        header += [f'{title} [95 %]', *['sd over seeds'] * several, *['over folds'] * (score in OVER_FOLDS)]
    rows, leaks = [header + [COST[key][0] for key in costs]], leaking_subjects(results)
    for name in in_order(results):
        model = results['models'][name]
        if not is_complete(results, name):
            rows.append([name, 'not computed' if 'note' in model else 'incomplete', *[''] * (len(rows[0]) - 2)])
            continue
        found = model.get('cost') or {}
        about = len(results['classes']), several, model.get('over_seeds', False)
        rows.append([name, 'clip', *_score_cells(folds_of(results, name), *about),
                     *(COST[key][1](found[key]) if key in found else '' for key in costs)])
        if leaks:
            continue
        seeds = [[by_subject(fold) for fold in folds] for folds in folds_of(results, name)]
        rows.append([name, 'subject', *_score_cells(seeds, *about), *[''] * len(costs)])
    said = [any(column) for _, *column in zip(*rows)]  # nothing is over folds where there are none
    return [list(itertools.compress(row, said)) for row in rows]


def in_order(results):
    """Names of the models, the control on metadata last: what is not above it may not have seen the gait."""
    return sorted(results['models'], key=METADATA.__eq__)


def _score_cells(seeds, classes, several, one_system):
    """Number of clips (or subjects), and a cell or three a score, from `[seed][fold][clip]`."""
    together = [[clip for fold in folds for clip in fold] for folds in seeds]
    texts = _intervals(together, classes)
    by_seed = [mean_scores([clips], classes) for clips in together]
    by_fold = [mean_scores(fold, classes) for fold in zip(*seeds)]
    cells = [str(len(together[0]))]
    for score in TITLES:
        cells.append(texts[score])
        if several:
            values = [scores[score] for scores in by_seed]
            cells.append('' if one_system else f'{np.std(values, ddof=1):.3f}')
        if score in OVER_FOLDS:
            values = [scores[score] for scores in by_fold]
            cells.append(f'{np.mean(values):.3f} ± {np.std(values):.3f}' if len(values) > 1 else '')
    return cells


def _intervals(seeds, classes):
    """Every score with its interval, as a cell."""
    means, ends = mean_scores(seeds, classes), subject_interval(seeds, classes)
    return {score: '{:.3f} [{:.3f}, {:.3f}]'.format(means[score], *ends[score]) for score in TITLES}


def difference_rows(results, baseline):
    """Every model's difference to one of them, by clip, with intervals that draw subjects and p-values by subject.

    Args:
        results (dict): As `read_results` returns them.
        baseline (str): The name of a complete model.

    Returns:
        list[list[str]]: Cells, the header first.
    """
    accuracy, macro_f1, log_loss = (f'{TITLES[score]} - {baseline} [95 %]' for score in DIFFERENCES)
    rows = [['model', accuracy, 'p', macro_f1, 'p', log_loss, 'p']]
    for name in in_order(results):
        if name != baseline and is_complete(results, name):
            found = paired_difference(pooled(results, name), pooled(results, baseline), len(results['classes']))
            rows.append([name])
            for *ends, p_value in (found[score] for score in DIFFERENCES):
                rows[-1] += ['{:+.3f} [{:+.3f}, {:+.3f}]'.format(*ends), f'{p_value:.4f}']
    return rows


def protocol_rows(tables):
    """The same models by several protocols, side by side, per clip; a protocol that leaks is marked.

    Args:
        tables (dict[str, dict]): Name of the protocol -> results, as `read_results` returns them.

    Returns:
        list[list[str]]: Cells, the header first; empty ones where a protocol lacks the model.
    """
    header = ['model']
    for protocol, results in tables.items():
        mark = ' (leaking)' if leaking_subjects(results) else ''
        header += [f'{TITLES[score]}, {protocol}{mark} [95 %]' for score in PROTOCOLS]
    rows = [header]
    for name in sorted(dict.fromkeys(itertools.chain(*map(in_order, tables.values()))), key=METADATA.__eq__):
        rows.append([name])
        for results in tables.values():
            known = name in results['models'] and is_complete(results, name)
            texts = _intervals(pooled(results, name), len(results['classes'])) if known else {}
            rows[-1] += [texts.get(score, '') for score in PROTOCOLS]
    return rows


def cost_rows(results):
    """What the models cost, a row a model that says so."""
    models = {name: model['cost'] for name, model in results['models'].items() if model.get('cost')}
    keys = [key for key in COST if any(key in cost for cost in models.values())]
    rows = [[name, *(COST[key][1](cost[key]) if key in cost else '' for key in keys)] for name, cost in models.items()]
    return [['model', *(COST[key][0] for key in keys)], *rows] if rows else []


def markdown(rows):
    """A Markdown table of rows of cells, the first of which is the header."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ['| ' + ' | '.join(cell.ljust(width) for cell, width in zip(row, widths)) + ' |' for row in rows]
    lines.insert(1, '|' + '|'.join('-' * (width + 2) for width in widths) + '|')
    return '\n'.join(lines)


def explanations(results):
    """A line for every row that is a mean of others."""
    return [f'{name}: the mean of the scores of {", ".join(model["members"])}'
            + (f', and of the {len(results["seeds"])} seeds: one system' if model.get('over_seeds') else '')
            for name, model in results['models'].items() if model['kind'] == 'ensemble']


def failures(results, baseline=None):
    """A line for subjects on both sides of a split, every run that failed, every row that could not be computed, and a
    baseline that nothing can be compared with."""
    lines, leaks = [], leaking_subjects(results)
    if leaks:
        count = len(set(results['clips']['subject']))
        lines.append(f'leaking: {len(leaks)} of {count} subjects stand in several folds; their models had met them in '
                     'training, and these scores say nothing about new people')
    for name, model in results['models'].items():
        lines += [f'{name}, seed {run["seed"]}, fold {run["fold"]}: {run["error"]}'
                  for run in model.get('failed') or []]
        lines += [f'{name}: {model["note"]}'] if 'note' in model else []
    if baseline is not None and not is_complete(results, baseline):
        lines.append(f'no differences to {baseline}: it is incomplete')
    return lines


def write_tables(results, path, baseline=None, beside=None):
    """Write the tables as Markdown, whole or not at all; returns the text. `beside`: as of `protocol_rows`."""
    parts = [markdown(result_rows(results))]
    if baseline is not None and is_complete(results, baseline) and len(results['models']) > 1:
        parts.append(markdown(difference_rows(results, baseline)))
    parts += [markdown(protocol_rows(beside))] if beside else []
    lines = [*explanations(results), *failures(results, baseline)]
    parts += ['\n'.join(f'- {line}' for line in lines)] if lines else []
    text = '\n\n'.join(parts) + '\n'
    with atomic_open(path, encoding='utf-8') as file:
        file.write(text)
    return text
