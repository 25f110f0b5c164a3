"""The file of check-phases: whether phases follow the gait, and whether the graph moves."""
import os
from typing import Any

from dynstg_mm.errors import ResultsError
from dynstg_mm.files import read_json

NUMBER: dict[str, Any] = dict(type=['number', 'null'])
ROW = dict(own_phases=dict(type='boolean'), nmi_found=NUMBER, nmi_marked=NUMBER, movement=NUMBER)
ROWS = dict(type='array', minItems=1, items=dict(type='object', required=list(ROW), properties=ROW))
SCHEMA: dict[str, Any] = dict(type='object', additionalProperties=dict(
    type='object', required=['test'], properties=dict(test=ROWS, synthetic=ROWS)))


def read_filters(path: str | os.PathLike) -> dict[str, Any]:
    """What check-phases wrote: name -> 'test' and 'synthetic' -> a row a layer.

    Raises:
        ResultsError: A field is missing or wrong.
    """
    return read_json(path, SCHEMA, ResultsError)


def filter_summary(content: dict[str, Any]) -> list[list[str]]:
    """A row a model: the largest NMI of its phases by each kind of strikes, and the movement of each layer."""
    rows = [['model', 'NMI, strikes found', 'NMI, strikes marked', 'NMI, synthetic walks',
             'SD of A / mean |A|, by layer']]
    for name, found in content.items():
        tested, synthetic = found['test'], found.get('synthetic', [])
        known = [_largest(tested, 'nmi_found'), _largest(tested, 'nmi_marked'), _largest(synthetic, 'nmi_marked')]
        moves = [row['movement'] for row in tested]
        rows.append([name, *('' if value is None else f'{value:.2f}' for value in known),
                     ' '.join('–' if value is None else f'{value:.2f}' for value in moves)])
    filled = [any(column) for _, *column in zip(*rows)]
    return [[cell for cell, keep in zip(row, filled) if keep] for row in rows]


def _largest(layers: list[dict[str, Any]], key: str) -> float | None:
    return max((row[key] for row in layers if row['own_phases'] and row[key] is not None), default=None)
