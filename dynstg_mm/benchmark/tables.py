"""Tables of results as rows of cells, and as Markdown."""
from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.benchmark.baselines import METADATA
from dynstg_mm.benchmark.results import Clip, Results
from dynstg_mm.diagnostic_statistics import MEASURES, Estimate, detectable_difference, diagnostic_scores, rest_against
from dynstg_mm.files import atomic_open
from dynstg_mm.scale_statistics import (
    by_person,
    compared_measures,
    distances,
    mean_scale_scores,
    scale_difference,
    scale_interval,
    scale_measures,
)
from dynstg_mm.statistics import (
    by_subject,
    difference_between,
    mean_scores,
    paired_difference,
    spread,
    subject_interval,
)
from dynstg_mm.text import markdown

Rows = list[list[str]]

TITLES = dict(accuracy='accuracy', macro_f1='macro-F1', macro_recall='macro-recall', log_loss='log-loss')
SCALE_TITLES = dict(mae='mean absolute error', kappa='quadratic kappa', within_one='at most 1 grade off',
                    spearman='Spearman', concordance='concordance', coverage='inside the 90 % interval')
DIAGNOSTIC = dict(sensitivity='sensitivity', specificity='specificity', auc='AUC', brier='Brier score',
                  slope='calibration slope')
OVER_FOLDS = ('accuracy', 'macro_f1', 'macro_recall')  # as papers report it
DIFFERENCES = ('accuracy', 'macro_f1', 'log_loss')
PROTOCOLS = ('accuracy', 'macro_f1')
COST: dict[str, tuple[str, Callable[[Any], str]]] = dict(  # key -> title, format
    parameters=('parameters', '{:,}'.format), multiply_adds=('multiply-adds', lambda value: f'{value / 1e9:.3f} G'),
    cpu_minutes=('CPU min a fold', '{:.1f}'.format), seconds=('seconds a fold', '{:.0f}'.format),
    latency_ms=('latency, batch 1 [ms]', '{:.1f}'.format))


def result_rows(results: Results, *, cost: bool = True) -> Rows:
    """All models, per clip and per subject.

    Scores are pooled over the folds, with the interval by subject, and averaged over the seeds. With several seeds, the
    standard deviation over the seeds (a sample, so n - 1) follows, then mean ± standard deviation over the folds (the
    whole population, so n) of each fold's mean over the seeds. An ensemble over the seeds has no deviation over them.
    If subjects are tested in several folds, rows per subject are left out: the models saw these people in training.

    Args:
        results: The results.
        cost: Add columns of the costs.

    Returns:
        Cells, the header first. A model with missing runs has no scores.
    """
    several = len(results.seeds) > 1
    costs = [key for key in COST if cost and any(key in (facts.cost or {}) for facts in results.models.values())]
    header = ['model', 'per', 'n']
    for score, title in TITLES.items():
        header += [f'{title} [95 %]', *['sd over seeds'] * several, *['over folds'] * (score in OVER_FOLDS)]
    rows, leaks = [header + [COST[key][0] for key in costs]], results.leaking_subjects()
    for name in in_order(results):
        facts = results.models[name]
        if not results.is_complete(name):
            rows.append([name, 'not computed' if facts.note else 'incomplete', *[''] * (len(rows[0]) - 2)])
            continue
        own = facts.cost or {}
        about = len(results.classes), several, facts.over_seeds
        rows.append([name, 'clip', *_score_cells(results.by_fold(name), *about),
                     *(COST[key][1](own[key]) if key in own else '' for key in costs)])
        if leaks:
            continue
        seeds = [[by_subject(fold) for fold in folds] for folds in results.by_fold(name)]
        rows.append([name, 'subject', *_score_cells(seeds, *about), *[''] * len(costs)])
    filled = [any(column) for _, *column in zip(*rows)]
    return [list(itertools.compress(row, filled)) for row in rows]


def in_order(results: Results) -> list[str]:
    """Names of the models, the control on metadata last: models that score less may not see the gait."""
    return sorted(results.models, key=METADATA.__eq__)


def _score_cells(seeds: list[list[list[Clip]]], classes: int, several: bool, one_system: bool) -> list[str]:
    """Number of clips (or subjects), and one to three cells for each score, from `[seed][fold][clip]`."""
    together = [[clip for fold in folds for clip in fold] for folds in seeds]
    intervals = interval_cells(together, classes)
    by_seed = [mean_scores([clips], classes) for clips in together]
    by_fold = [mean_scores(fold, classes) for fold in zip(*seeds)]
    cells = [str(len(together[0]))]
    for score in TITLES:
        cells.append(intervals[score])
        if several:
            cells.append('' if one_system else f'{np.std([scores[score] for scores in by_seed], ddof=1):.3f}')
        if score in OVER_FOLDS:
            values = [scores[score] for scores in by_fold]
            cells.append(f'{np.mean(values):.3f} ± {np.std(values):.3f}' if len(values) > 1 else '')
    return cells


def interval_cells(seeds: Sequence[Sequence[Clip]], classes: int) -> dict[str, str]:
    """Each score with its interval, as a cell.

    Args:
        seeds: Clips of each seed, with `subject`, `label`, `score`.
        classes: Number of classes.
    """
    means, ends = mean_scores(seeds, classes), subject_interval(seeds, classes)
    return {score: '{:.3f} [{:.3f}, {:.3f}]'.format(means[score], *ends[score]) for score in TITLES}


def scale_rows(results: Results) -> Rows:
    """Errors on the scale of all models, per clip and per person, with the interval by subject, averaged over seeds.

    Args:
        results: Results of an ordinal or numeric target.

    Returns:
        Cells, the header first. A model with missing runs has no scores.
    """
    measures, leaks = scale_measures(results.is_numeric), results.leaking_subjects()
    several = len(results.seeds) > 1
    rows = [['model', 'per', 'n', *(f'{_scale_title(results, name)} [95 %]' for name in measures),
             *[f'sd over seeds of {SCALE_TITLES["mae"]}'] * several]]
    for name in in_order(results):
        facts = results.models[name]
        if not results.is_complete(name):
            rows.append([name, 'not computed' if facts.note else 'incomplete', *[''] * (len(rows[0]) - 2)])
            continue
        clips = results.pooled(name)
        people = [by_person(part, results.is_numeric) for part in clips]
        for unit, seeds in [('clip', clips), *[('subject', people)] * (not leaks)]:
            means, ends = mean_scale_scores(seeds, results.is_numeric), scale_interval(seeds, results.is_numeric)
            rows.append([name, unit, str(len(seeds[0])), *(_with_ends(means[key], ends[key]) for key in measures)])
            if several:
                errors = [mean_scale_scores([part], results.is_numeric)['mae'] for part in seeds]
                rows[-1].append('' if facts.over_seeds else f'{np.std(errors, ddof=1):.3f}')
    return rows


def _scale_title(results: Results, measure: str) -> str:
    """A measure in words, an error with its unit."""
    target = results.target
    unit = 'grades' if target is None or not target.is_numeric else target.unit
    return SCALE_TITLES[measure] + (f' in {unit}' if measure == 'mae' and unit else '')


def _with_ends(value: float, ends: tuple[float, float]) -> str:
    return 'undefined' if np.isnan(value) else '{:.3f} [{:.3f}, {:.3f}]'.format(value, *ends)


def distance_rows(results: Results) -> Rows:
    """Share of the clips of each complete model by the distance of the predicted grade from the true one."""
    rows = [['model', *(f'{distance} off' if distance else 'right' for distance in range(len(results.classes)))]]
    for name in in_order(results):
        if results.is_complete(name):
            counts = np.mean([distances(clips) for clips in results.pooled(name)], axis=0)
            rows.append([name, *(f'{100 * share:.1f} %' for share in counts / counts.sum())])
    return rows


def scale_difference_rows(results: Results, baseline: str) -> Rows:
    """As `difference_rows`, of the errors on the scale."""
    measures = compared_measures(results.is_numeric)
    titles = [f'{SCALE_TITLES[name]} - {baseline} [95 %]' for name in measures]
    rows = [['model', *itertools.chain.from_iterable((title, 'p') for title in titles)]]
    theirs = results.pooled(baseline)
    for name in in_order(results):
        if name != baseline and results.is_complete(name):
            found = scale_difference(results.pooled(name), theirs, results.is_numeric)
            rows.append([name])
            for *ends, p_value in (found[measure] for measure in measures):
                rows[-1] += ['{:+.3f} [{:+.3f}, {:+.3f}]'.format(*ends), f'{p_value:.4f}']
    return rows


def difference_rows(results: Results, baseline: str, scores: Sequence[str] = DIFFERENCES) -> Rows:
    """Difference of every model to the baseline, by clip, with intervals and p-values by subject.

    Args:
        results: The results.
        baseline: Name of a complete model.
        scores: The scores to compare.

    Returns:
        Cells, the header first.
    """
    titles = [f'{TITLES[score]} - {baseline} [95 %]' for score in scores]
    rows = [['model', *itertools.chain.from_iterable((title, 'p') for title in titles)]]
    theirs = results.pooled(baseline)
    for name in in_order(results):
        if name != baseline and results.is_complete(name):
            differences = paired_difference(results.pooled(name), theirs, len(results.classes))
            rows.append([name])
            for *ends, p_value in (differences[score] for score in scores):
                rows[-1] += ['{:+.3f} [{:+.3f}, {:+.3f}]'.format(*ends), f'{p_value:.4f}']
    return rows


def diagnostic_rows(results: Results) -> Rows:
    """One class against the rest, by person: of two classes the second, otherwise each. No rows if people leak."""
    if results.target is not None or results.leaking_subjects() or not results.complete():
        return []
    several = len(results.classes) > 2
    rows = [['model', *['class'] * several, 'people', *(f'{DIAGNOSTIC[measure]} [95 %]' for measure in MEASURES)]]
    for name in in_order(results):
        people = [by_subject(clips) for clips in results.pooled(name)] if results.is_complete(name) else []
        for index in rest_against(results.classes) if people else ():
            found = diagnostic_scores(people, index)
            count = sum(person['label'] == index for person in people[0])
            rows.append([name, *[results.classes[index]] * several, f'{count} of {len(people[0])}',
                         *(_estimate(found[measure]) for measure in MEASURES)])
    return rows


def _estimate(found: Estimate | None) -> str:
    return '–' if found is None else '{:.3f} [{:.3f}, {:.3f}]'.format(*found)


def detectable_line(results: Results, baseline: str) -> str:
    """How large a difference of macro-F1 to the baseline so many people can show."""
    theirs = results.pooled(baseline)
    differences = [paired_difference(results.pooled(name), theirs, len(results.classes), resamples=1000)['macro_f1']
                   for name in results.complete() if name != baseline]
    found = [detectable_difference(ends) for _, *ends, _ in differences]
    return (f'With these {results.clips.subject.nunique()} people, a difference of {np.median(found):.3f} in macro-F1 '
            f'to {baseline} would be found in 8 of 10 such studies (median over the models); a smaller one may well '
            'exist unseen.')


def protocol_rows(tables: Mapping[str, Results]) -> Rows:
    """The same models under several protocols, side by side, per clip; a leaking protocol is marked.

    Args:
        tables: Name of the protocol -> results.

    Returns:
        Cells, the header first; empty where a protocol lacks the model.
    """
    header = ['model']
    for protocol, results in tables.items():
        mark = ' (leaking)' if results.leaking_subjects() else ''
        header += [f'{TITLES[score]}, {protocol}{mark} [95 %]' for score in PROTOCOLS]
    rows = [header]
    names = dict.fromkeys(name for results in tables.values() for name in results.models)
    for name in sorted(names, key=METADATA.__eq__):
        rows.append([name])
        for results in tables.values():
            complete = name in results.models and results.is_complete(name)
            cells = interval_cells(results.pooled(name), len(results.classes)) if complete else {}
            rows[-1] += [cells.get(score, '') for score in PROTOCOLS]
    return rows


def elsewhere_rows(results: Results, elsewhere: Mapping[str, Results]) -> Rows:
    """The models on their own test clips and on other recordings, side by side: macro-F1, and its differences.

    Args:
        results: Results of the training's own test clips.
        elsewhere: Name of the other recordings -> results of the same models.

    Returns:
        Cells, the header first; empty where a model has no scores. Of a number, the mean absolute errors.
    """
    title = _scale_title(results, 'mae') if results.is_numeric else TITLES['macro_f1']
    header = ['model', f'{title}, own [95 %]']
    for name in elsewhere:
        header += [f'{title}, {name} [95 %]', *[f'{name} - own [95 %]'] * (not results.is_numeric)]
    rows, count = [header], len(results.classes)
    for name in in_order(results):
        own, *others = (part.pooled(name) if name in part.models and part.is_complete(name) else None
                        for part in (results, *elsewhere.values()))
        rows.append([name, _main_cell(results, own)])
        for other in others:
            rows[-1].append(_main_cell(results, other))
            if not results.is_numeric:
                found = own and other and difference_between(other, own, count)[0]['macro_f1']
                rows[-1].append('{:+.3f} [{:+.3f}, {:+.3f}]'.format(*found) if found else '')
    return rows


def _main_cell(results: Results, seeds: Sequence[Sequence[Clip]] | None) -> str:
    """Macro-F1, or the mean absolute error of a number, with its interval."""
    if seeds is None:
        return ''
    if not results.is_numeric:
        return interval_cells(seeds, len(results.classes))['macro_f1']
    return '{:.3f} [{:.3f}, {:.3f}]'.format(mean_scale_scores(seeds, True)['mae'], *scale_interval(seeds, True)['mae'])


def elsewhere_lines(results: Results, elsewhere: Mapping[str, Results]) -> list[str]:
    """A line for each of the other recordings: how many people there are, and whether they are the same."""
    own, lines = set(results.clips.subject), []
    for name, other in elsewhere.items():
        people = set(other.clips.subject)
        both = len(people & own)
        how = (f'the difference is that of the {both} people who are in both' if both else
               'other people, so that a difference is that of the people as well as of the recordings')
        lines.append(f'{name}: {len(other.clips)} clips of {len(people)} people; {how}')
    return lines


def cost_rows(results: Results) -> Rows:
    """Costs of the models, a row for each that has some; no rows if none has."""
    costs = {name: facts.cost for name, facts in results.models.items() if facts.cost}
    keys = [key for key in COST if any(key in cost for cost in costs.values())]
    rows = [[name, *(COST[key][1](cost[key]) if key in cost else '' for key in keys)] for name, cost in costs.items()]
    return [['model', *(COST[key][0] for key in keys)], *rows] if rows else []


def speed_rows(results: Mapping[str, Mapping[str, Any]], layout: str, batch_size: int, baseline: str) -> Rows:
    """What the command `benchmark` has measured of models, each beside its ratio to the baseline.

    Args:
        results: Model -> `parameters`, `multiply_adds`, and, if measured, `memory` (bytes) and the times of each round
            (seconds): `latency`, `throughput`, `step`.
        layout: Layout of the skeletons.
        batch_size: Windows of `throughput` and `step`.
        baseline: The model that ratios refer to.
    """
    timed = all('latency' in cost for cost in results.values())
    rows = [[f'model ({layout})', 'parameters', 'multiply-adds']]
    if timed:
        rows[0] += ['latency, batch 1', f'throughput, batch {batch_size}', 'training step', 'peak memory of a step']
    for name, cost in results.items():
        cells = dict(parameters=f'{cost["parameters"]:,}', multiply_adds=f'{cost["multiply_adds"] / 1e9:.3f} G')
        if timed:
            speed = spread([batch_size / value for value in cost['throughput']])
            cells |= dict(latency=milliseconds(cost['latency']), throughput=f'{speed} windows/s',
                          step=milliseconds(cost['step']), memory=f'{cost["memory"] / 2**20:.0f} MB')
        base = results.get(baseline)
        rows.append([name, *(cell if base is None or key == 'throughput' else
                             f'{cell}, x {np.median(np.array(cost[key]) / np.array(base[key])):.3f}'
                             for key, cell in cells.items())])
    return rows


def milliseconds(seconds: Sequence[float]) -> str:
    """Median ± half the interquartile range."""
    return f'{spread(np.multiply(seconds, 1e3))} ms'


def explanations(results: Results) -> list[str]:
    """A line for every ensemble."""
    return [f'{name}: mean of the scores of {", ".join(facts.members or ())}'
            + (f' over the {len(results.seeds)} seeds, as one system' if facts.over_seeds else '')
            for name, facts in results.models.items() if facts.kind == 'ensemble']


def failures(results: Results, baseline: str | None = None) -> list[str]:
    """A line for a leak, every failed run, every control without scores, and a baseline that is incomplete."""
    lines, leaks = [], results.leaking_subjects()
    if leaks:
        lines.append(f'leaking: {len(leaks)} of {results.clips.subject.nunique()} subjects are tested in several '
                     'folds, so models saw them in training; these scores do not hold for new people')
    for name, facts in results.models.items():
        lines += [f'{name}, seed {run["seed"]}, fold {run["fold"]}: {run["error"]}' for run in facts.failed or []]
        lines += [f'{name}: {facts.note}'] if facts.note else []
    if baseline is not None and not results.is_complete(baseline):
        lines.append(f'no differences to {baseline}: it is incomplete')
    return lines


def write_tables(results: Results, path: str | Path, baseline: str | None = None,
                 beside: Mapping[str, Results] | None = None, elsewhere: Mapping[str, Results] | None = None) -> str:
    """Write the tables as Markdown, whole or not at all.

    Args:
        results: The results.
        path: The .md file.
        baseline: The model that the others are compared with.
        beside: As in `protocol_rows`.
        elsewhere: As in `elsewhere_rows`.

    Returns:
        The text.
    """
    compares = baseline is not None and results.is_complete(baseline) and len(results.models) > 1
    parts = []
    if not results.is_numeric:
        parts += [markdown(result_rows(results))]
        if compares:
            parts += [markdown(difference_rows(results, str(baseline))), detectable_line(results, str(baseline))]
        diagnostic = diagnostic_rows(results)
        parts += [markdown(diagnostic)] if diagnostic else []
    if results.has_scale:
        parts += [markdown(scale_rows(results))]
        parts += [markdown(distance_rows(results))] if results.complete() and not results.is_numeric else []
        parts += [markdown(scale_difference_rows(results, str(baseline)))] if compares else []
    parts += [markdown(cost_rows(results))] * (results.is_numeric and bool(cost_rows(results)))
    parts += [markdown(protocol_rows(beside))] if beside else []
    parts += [markdown(elsewhere_rows(results, elsewhere))] if elsewhere else []
    lines = [*explanations(results), *elsewhere_lines(results, elsewhere or {}), *failures(results, baseline)]
    parts += ['\n'.join(f'- {line}' for line in lines)] if lines else []
    text = '\n\n'.join(parts) + '\n'
    with atomic_open(path, encoding='utf-8') as file:
        file.write(text)
    return text
