"""Results as one self-contained HTML page: tables, figures, versions and commands."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from dynstg_mm.benchmark import figures
from dynstg_mm.benchmark.baselines import METADATA
from dynstg_mm.benchmark.results import Results
from dynstg_mm.benchmark.schema import KINDS
from dynstg_mm.benchmark.tables import (
    cost_rows,
    detectable_line,
    diagnostic_rows,
    difference_rows,
    distance_rows,
    elsewhere_lines,
    elsewhere_rows,
    explanations,
    failures,
    in_order,
    protocol_rows,
    result_rows,
    scale_difference_rows,
    scale_rows,
    write_tables,
)
from dynstg_mm.diagnostic_statistics import rest_against
from dynstg_mm.files import atomic_open


def write_report(results: Results, out: Path, beside: Mapping[str, Results] | None = None, *,
                 elsewhere: Mapping[str, Results] | None = None) -> list[str]:
    """Print the tables, and write results.md, results.html and, if a model is complete, results.png.

    Args:
        results: The results; the models are compared with their baseline.
        out: An existing folder.
        beside: As in `tables.protocol_rows`.
        elsewhere: As in `tables.elsewhere_rows`.

    Returns:
        The names of the files.
    """
    names = ['results.md', 'results.html']
    print(write_tables(results, out / names[0], results.baseline, beside, elsewhere))
    write_page(results, out / names[1], beside, elsewhere)
    if results.complete():
        names.append('results.png')
        write_picture(results, out / names[-1])
    return names


def write_page(results: Results, path: str | Path, beside: Mapping[str, Results] | None = None,
               elsewhere: Mapping[str, Results] | None = None) -> None:
    """Write the page, whole or not at all.

    Args:
        results: The results.
        path: The .html file.
        beside: As in `tables.protocol_rows`.
        elsewhere: As in `tables.elsewhere_rows`.
    """
    templates = jinja2.Environment(loader=jinja2.PackageLoader('dynstg_mm.benchmark', ''), autoescape=True,
                                   trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    templates.filters['unbroken'] = lambda text: text.replace(' %', '\N{NO-BREAK SPACE}%')
    template = templates.get_template('page.html.j2')
    text = template.render(_tables(results, beside, elsewhere or {}) | _figures(results) | _origin(results))
    with atomic_open(path, encoding='utf-8') as file:
        file.write(text.lstrip())


def write_picture(results: Results, path: str | Path) -> None:
    """Write the main score and intervals of the complete models as a PNG, whole or not at all."""
    with atomic_open(path, 'wb') as file:
        figures.save(figures.forest(results, _complete(results))[0], file, format='png', dpi=130)


def _complete(results: Results) -> list[str]:
    return [name for name in in_order(results) if results.is_complete(name)]


def _tables(results: Results, beside: Mapping[str, Results] | None,
            elsewhere: Mapping[str, Results]) -> dict[str, Any]:
    complete, baseline = _complete(results), results.baseline
    kinds = [facts.kind for facts in results.models.values()]
    content = (f'{", ".join(_count(kinds.count(kind), kind) for kind in KINDS if kind in kinds)}; '
               f'{_count(len(results.folds), "fold")}, {_count(len(results.seeds), "seed")}; '
               f'{_count(len(results.clips), "clip")} of {_count(results.clips.subject.nunique(), "subject")}; '
               f'{_described(results)}.')
    compares = baseline in complete and len(complete) > 1
    numeric = results.is_numeric
    return dict(
        title=title_of(results), content=content, several=len(results.seeds) > 1, complete=complete, baseline=baseline,
        target=results.target, results=None if numeric else result_rows(results, cost=False),
        scale=scale_rows(results) if results.has_scale else None,
        distances=distance_rows(results) if results.has_scale and not numeric and complete else None,
        scale_differences=scale_difference_rows(results, str(baseline)) if results.has_scale and compares else None,
        explanations=explanations(results),
        failures=failures(results, baseline),
        differences=difference_rows(results, str(baseline)) if compares and not numeric else None,
        detectable=detectable_line(results, str(baseline)) if compares and not numeric else None,
        diagnostic=diagnostic_rows(results),
        protocols=protocol_rows(beside) if beside else None,
        elsewhere=elsewhere_rows(results, elsewhere) if elsewhere else None,
        elsewhere_lines=elsewhere_lines(results, elsewhere))


def title_of(results: Results) -> str:
    """Data set and task: the data part of the configs' names, the option `task`, and the classes or the target."""
    facts = [facts for facts in results.models.values() if facts.config]
    data = dict.fromkeys(Path(str(one.config)).stem.rpartition('_')[2] for one in facts)
    tasks = dict.fromkeys(option.removeprefix('task=') for one in facts for option in one.options or ()
                          if option.startswith('task='))
    named, outputs = ', '.join([*data, *tasks]), _described(results).removeprefix('classes: ')
    return f'{named}: {outputs}' if named else outputs


def _described(results: Results) -> str:
    target = results.target
    if target is None:
        return f'classes: {", ".join(results.classes)}'
    if target.is_numeric:
        return f'{target.name}: a number{f" in {target.unit}" if target.unit else ""}'
    return f'{target.name}, {target.type}: {", ".join(results.classes)}'


def _figures(results: Results) -> dict[str, Any]:
    complete = _complete(results)
    if not complete:
        return {}
    title = 'Mean absolute error' if results.is_numeric else 'Macro-F1'
    if results.is_numeric:
        curves = figures.learning_curves(results, figures.styles_of(complete))
        return dict(forest=figures.embedded(*figures.forest(results, complete)), forest_title=title,
                    scatters=[figures.embedded(*figures.scatter(results, name)) for name in complete],
                    curves=figures.embedded(curves[0], curves[1]) if curves[0] else None)
    styles = figures.styles_of(complete)
    errors, described, right, subjects = figures.subject_errors(results, complete)
    curves = figures.learning_curves(results, styles)
    return dict(
        forest=figures.embedded(*figures.forest(results, complete)), forest_title=title,
        confusions=[figures.embedded(*figures.confusion_matrix(results, name)) for name in complete],
        confusion_width=max(220, round(72 * figures.confusion_size(results.classes))),
        roc=figures.embedded(*figures.roc(results, styles)) if results.clips.label.nunique() > 1 else None,
        calibration=figures.embedded(*figures.reliability(results, styles)),
        decisions=[figures.embedded(*figures.decision_curves(results, styles, index)) for index in
                   rest_against(results.classes)] if diagnostic_rows(results) else [],
        subject_errors=figures.embedded(errors, described) if errors else None, subjects_right=right, subjects=subjects,
        curves=figures.embedded(curves[0], curves[1]) if curves[0] else None)


def _origin(results: Results) -> dict[str, Any]:
    costs = [facts.cost for facts in results.models.values() if facts.cost]
    devices = sorted({f'{cost["device"]}, {_count(cost["threads"], "thread")}' for cost in costs
                      if 'device' in cost and 'threads' in cost})
    control = results.models.get(METADATA)
    return dict(
        cost=cost_rows(results), devices='; '.join(devices), latency=any('latency_ms' in cost for cost in costs),
        control=METADATA if control and control.kind == 'control' else None,
        versions=[['', 'version'], *map(list, results.versions.items())] if results.versions else None,
        command=results.command,
        commands=[command for facts in results.models.values() for command in facts.commands or ()])


def _count(number: int, noun: str) -> str:
    return f'{number} {noun}' + 's' * (number != 1)
