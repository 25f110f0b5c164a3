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


def leg_difference(layout: dict[str, Any], channels: int) -> Tensor:
    """Weights of a signal that follows the stride: how far the left knee and ankle are before the right ones.

    Args:
        layout: From `get_layout`. If it names no legs, the weights are random: the network finds a signal by itself.
        channels: Input channels, C; the first is the coordinate along which people walk.

    Shape:
        Result: (V, C).
    """
    weight = torch.zeros(layout['num_node'], channels)
    legs = layout.get('legs', ())
    for leg in legs:
        for joint in leg[1:]:  # knee and ankle
            weight[joint, 0] = (1 if joint in layout['left'] else -1) / 2
    return weight if legs else torch.randn_like(weight) / weight.numel()**0.5
