"""Whether the joints of a recording can be those of a layout."""
import warnings

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree

from dynstg_mm.skeletons import LAYOUTS, Layout

MISFIT = 2.5  # lowest `misfit` of a layout that cannot be; 1.0 to 2.1 in the right one, mostly above 2.5 in wrong ones
BETTER = 0.7  # of the misfit in one layout, below which another one with as many joints is the right one
_FRAMES = 50  # of a recording that are looked at


def misfit(keypoint: np.ndarray, seen: np.ndarray, layout: Layout) -> float:
    """How far the joints are from their neighbours in a layout.

    It is the length of all bones, divided by the least length of lines that connect the same joints (their minimum
    spanning tree), of median distances over frames. With the joints in another order, bones cross the body.

    Args:
        keypoint: Shape (T, V, C).
        seen: Shape (T, V).
        layout: With `inward`.

    Returns:
        1 or more; NaN if too few joints are seen together, or all are in one place.
    """
    return _ratio(_distances(keypoint, seen), layout)


def wrong_layout(keypoint: np.ndarray, seen: np.ndarray, layout: Layout) -> tuple[bool, str | None]:
    """Whether the joints cannot be those of a layout, and which of ours with as many joints fits clearly better.

    Args:
        keypoint: Shape (T, V, C).
        seen: Shape (T, V).
        layout: With `inward`.
    """
    distance = _distances(keypoint, seen)
    own = _ratio(distance, layout)
    others = {name: ratio for name, other in LAYOUTS.items() if other['num_node'] == layout['num_node']
              and (ratio := _ratio(distance, other)) < BETTER * own}
    return own > MISFIT or bool(others), min(others, key=lambda name: others[name]) if others else None


def _distances(keypoint: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Median distances (V, V) of all joints from each other; NaN if two are never seen together."""
    step = -(-len(keypoint) // _FRAMES)
    place = np.where(seen[..., None], keypoint, np.nan)[::step].astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # joints that are never seen
        distance: np.ndarray = np.nanmedian(np.linalg.norm(place[:, :, None] - place[:, None], axis=-1), axis=0)
    return distance


def _ratio(distance: np.ndarray, layout: Layout) -> float:
    """The `misfit` by the distances of the joints."""
    known = np.flatnonzero(np.isfinite(np.diagonal(distance)))
    among = distance[np.ix_(known, known)]
    bones = np.array([(child, parent) for child, parent in layout['inward'] if child != parent and
                      child in known and parent in known]).reshape(-1, 2)
    if len(bones) < 4 or not np.isfinite(among).all() or not among.any():
        return float('nan')
    positive = np.maximum(among, 1e-9 * max(among.max(), 1e-9))  # a distance of 0 is no edge of the graph
    tree = minimum_spanning_tree(positive).sum() * len(bones) / max(len(known) - 1, 1)
    return float(distance[bones[:, 0], bones[:, 1]].sum() / tree)
