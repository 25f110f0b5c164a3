"""Whether movement phases follow the gait cycle, and whether the graph moves, measured on walks."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dynstg_mm.datasets.synthetic_gait import synthetic_gait
from dynstg_mm.errors import ClipError
from dynstg_mm.gait.cleaning import Clip
from dynstg_mm.inference.explain import BINS
from dynstg_mm.inference.filters import FilterReader, mean_movement, movement, own_phases
from dynstg_mm.inference.inferencer import GaitInferencer

WALKERS, SEED = 6, 20260  # of each class; the seed is of no training set
CYCLES = ('found', 'marked')  # foot strikes by which a stride is known
Row = dict[str, Any]


def check_filters(inferencer: GaitInferencer, clips: Iterable[Clip]) -> list[Row]:
    """How the filters of each layer behave in walks.

    Args:
        inferencer: The model.
        clips: Walks with their layouts; those that the model cannot use are left out.

    Returns:
        For each layer: `own_phases`, whether no earlier layer has the same; `nmi_found` and `nmi_marked`, the
        normalised mutual information of the largest phase of a frame and `BINS` bins of the stride, by foot strikes
        that are found or that the annotation lists; `frames_found` and `frames_marked`, the frames of a known stride;
        `use`, the mean of each phase; `entropy` of a frame, as a share of that of equal phases; `deviation` of the
        adjacency over time, mean over pairs; `size`, its mean size; `movement`, their ratio; and `alpha`, mean size of
        the weight of the dynamic part. A number that does not exist is None.
    """
    reader = FilterReader(inferencer)
    tallies: list[_Tally] = []
    for clip in clips:
        try:
            walk = reader.read(clip)
        except ClipError:
            continue
        own = own_phases(walk.layers)
        tallies = tallies or [_Tally() for _ in walk.layers]
        for number, (tally, layer) in enumerate(zip(tallies, walk.layers)):
            tally.own += number in own
            tally.phases.append(layer.phases.reshape(-1, layer.phases.shape[-1]))
            for cycle in CYCLES:
                tally.strides[cycle].append(walk.stride(number, getattr(walk, cycle)).ravel())
            if layer.adjacency is not None:
                tally.movements.append(movement(layer.adjacency))
    return [dict(tally.row(), alpha=alpha) for tally, alpha in zip(tallies, _alphas(reader.backbone, len(tallies)))]


class _Tally:
    """What is collected of one layer over all walks."""

    def __init__(self) -> None:
        self.own = 0
        self.phases: list[np.ndarray] = []
        self.strides: dict[str, list[np.ndarray]] = {cycle: [] for cycle in CYCLES}
        self.movements: list[np.ndarray] = []

    def row(self) -> Row:
        phases = np.concatenate(self.phases)
        row: Row = dict(own_phases=self.own > 0, use=phases.mean(0, dtype=float).tolist(), entropy=_entropy(phases))
        for cycle in CYCLES:
            row[f'nmi_{cycle}'], row[f'frames_{cycle}'] = _information(phases, np.concatenate(self.strides[cycle]))
        return row | dict(zip(('deviation', 'size', 'movement'), mean_movement(self.movements)))


def _information(phases: np.ndarray, stride: np.ndarray) -> tuple[float | None, int]:
    from sklearn.metrics import normalized_mutual_info_score
    known = np.isfinite(stride)
    if not known.any():
        return None, 0
    bins = (stride[known] * BINS).astype(int)
    return float(normalized_mutual_info_score(bins, phases[known].argmax(1))), int(known.sum())


def _entropy(phases: np.ndarray) -> float | None:
    """Mean entropy of the frames, 0 for a single phase and 1 for equal ones; None if there is only one phase."""
    if phases.shape[1] < 2:
        return None
    surprise = -np.log(np.maximum(phases, 1e-12))
    return float((phases * surprise).sum(1).mean() / np.log(phases.shape[1]))


def _alphas(backbone: Any, count: int) -> list[float | None]:
    """Mean size of the parameters `alpha` of each layer."""
    layers = [layer for stage in getattr(backbone, 'stages', ()) for layer in stage]
    if len(layers) != count:
        return [None] * count
    found = [[value.detach().abs().mean().item() for name, value in layer.named_parameters()
              if name.rpartition('.')[2] == 'alpha'] for layer in layers]
    return [float(np.mean(values)) if values else None for values in found]


def synthetic_walks(inferencer: GaitInferencer) -> list[Clip]:
    """Computed walks with known foot strikes that no model was trained on, in 2-D or 3-D as the model takes them."""
    layout = 'msnd' if inferencer.inputs.dims == 3 else 'body_25'
    clips = synthetic_gait(WALKERS, clips=1, seed=SEED, layout=layout)['annotations']
    return [dict(clip, layout=layout) for clip in clips]


def mean_rows(runs: Sequence[Sequence[Row]]) -> list[Row]:
    """Mean of each number of each layer over models of one form, such as those of all folds; frames are summed."""
    return [{key: _mean(key, [row[key] for row in rows]) for key in rows[0]} for rows in zip(*runs)]


def _mean(key: str, values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    if not known:
        return None
    if key == 'own_phases':
        return any(known)
    if key.startswith('frames'):
        return sum(known)
    mean = np.mean(known, axis=0)
    return mean.tolist() if mean.ndim else float(mean)


def filter_rows(found: Mapping[str, Sequence[Row]]) -> list[list[str]]:
    """The table of one model: what its layers do on several sets of walks.

    Args:
        found: 'test' and 'synthetic' -> rows from `check_filters` or `mean_rows`; the first also gives what does not
            depend on strides.

    Returns:
        Cells, the header first. Phases that an earlier layer has as well are left empty.
    """
    tested, synthetic = found['test'], found.get('synthetic') or [{} for _ in found['test']]
    rows = [['layer', 'NMI, strikes found', 'NMI, strikes marked', 'NMI, synthetic walks', 'use of the phases',
             'entropy', 'SD of A / mean |A|', 'mean |A|', 'alpha']]
    for number, (row, other) in enumerate(zip(tested, synthetic)):
        phases = [_cell(row['nmi_found']), _cell(row['nmi_marked']), _cell(other.get('nmi_marked')),
                  ' '.join(map(_cell, row['use'])), _cell(row['entropy'])]
        rows.append([str(number), *(phases if row['own_phases'] else [''] * len(phases)), _cell(row['movement'], 4),
                     _cell(row['size'], 4), _cell(row['alpha'])])
    filled = [any(column) for _, *column in zip(*rows)]
    return [[cell for cell, keep in zip(row, filled) if keep] for row in rows]


def _cell(value: float | None, digits: int = 3) -> str:
    return '' if value is None else f'{value:.{digits}f}'
