"""The model card of a checkpoint, generated from its training record."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dynstg_mm.benchmark.baselines import METADATA
from dynstg_mm.inference.training_record import TrainingRecord
from dynstg_mm.text import markdown

NOT_MEASURED = 'not measured'


def card(name: str, record: TrainingRecord, weights: Path) -> str:
    """The card as Markdown.

    Args:
        name: Name of the model.
        record: What the checkpoint records.
        weights: The checkpoint.
    """
    import jinja2
    environment = jinja2.Environment(loader=jinja2.PackageLoader('dynstg_mm.inference', '.'), trim_blocks=True,
                                     lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    own = record.figures
    scores, controls = own['scores'], own.get('controls', {})
    return environment.get_template('card.md.j2').render(
        name=name, record=record, own=own, weights=weights, megabytes=weights.stat().st_size / 1e6,
        scores=markdown([['people left out', 'macro-F1 [95 %]', 'accuracy [95 %]', 'log-loss [95 %]'],
                         _row('this model', scores), *(_row(name, figures) for name, figures in controls.items())]),
        camera=controls[METADATA]['macro_f1'][0] if record.metadata_keeps_up else None,
        estimators=_estimators(record), confusion=_confusion(record), calibration=_calibration(own), sets=_sets(own),
        strangers=_strangers(own), not_measured=NOT_MEASURED)


def interval(values: Sequence[float]) -> str:
    """A value with its interval, such as `0.941 [0.900, 0.973]`."""
    return '{:.3f} [{:.3f}, {:.3f}]'.format(*values)


def _row(name: str, figures: dict[str, Any]) -> list[str]:
    return [name, *(interval(figures[score]) for score in ('macro_f1', 'accuracy', 'log_loss'))]


def _estimators(record: TrainingRecord) -> str:
    """The same people by each pose estimator."""
    rows = [['keypoints by', 'people', 'macro-F1 [95 %]', 'the same people, own estimator', 'true class in the set']]
    for name, figures in record.figures.get('others', {}).items():
        rows.append([name, str(figures['people']), interval(figures['macro_f1']), interval(figures['own']['macro_f1']),
                     f'{100 * figures["sets"]["covered"]:.1f} %' if 'sets' in figures else 'not measured'])
    return markdown(rows) if len(rows) > 1 else ''


def _confusion(record: TrainingRecord) -> str:
    classes = list(record.people)
    return markdown([['people who are', *(f'called {name}' for name in classes)], *(
        [name, *map(str, row)] for name, row in zip(classes, record.figures['scores']['confusion']))])


def _calibration(own: dict[str, Any]) -> str:
    figures = own.get('calibration')
    return markdown([['', 'log-loss', 'calibration error'], *(
        [title, f'{figures[name]["log_loss"]:.3f}', f'{figures[name]["error"]:.3f}']
        for name, title in (('before', 'scores'), ('after', 'probabilities')))]) if figures else ''


def _sets(own: dict[str, Any]) -> str:
    figures = own.get('sets')
    if not figures:
        return ''
    rows = [['people', 'true class in the set', 'classes in a set']]
    for name, part in [('all', figures), *figures['by_class'].items()]:
        rows.append([name, f'{100 * part["covered"]:.1f} %', f'{part["size"]:.2f}'])
    return markdown(rows)


def _strangers(own: dict[str, Any]) -> str:
    rows = [['walks of', 'recordings', 'AUC, features', 'AUC, gait parameters']]
    for name, figures in own.get('strangers', {}).items():
        rows.append([name, str(figures['recordings']), f'{figures["features"]:.3f}', f'{figures["gait"]:.3f}'])
    return markdown(rows) if len(rows) > 1 else ''
