"""Adjacency matrices of skeleton layouts, by MMAction2's `Graph`."""
from typing import Any

import torch
from mmaction.models.utils import Graph
from torch import Tensor

from dynstg_mm.skeletons import get_layout


def build_graph(layout: str | dict[str, Any], mode: str = 'spatial', **options: Any) -> tuple[dict[str, Any], Tensor]:
    """Adjacency subsets of a layout.

    Args:
        layout: See `skeletons.get_layout`.
        mode: 'spatial' (self, inward, outward) or 'stgcn_spatial'.
        **options: Passed to `Graph`.

    Returns:
        The completed layout, and its adjacency A (k, v, v).
    """
    completed = get_layout(layout)
    return completed, torch.tensor(Graph(completed, mode=mode, **options).A, dtype=torch.float32)
