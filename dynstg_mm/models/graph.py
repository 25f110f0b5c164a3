"""Adjacency matrices of skeleton layouts, by MMAction2's `Graph`."""
from typing import Any

import numpy as np
import torch
from mmaction.models.utils import Graph
from mmaction.models.utils.graph import get_hop_distance
from torch import Tensor

from dynstg_mm.errors import ConfigError
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


def hop_graph(graph_cfg: dict[str, Any]) -> tuple[dict[str, Any], Tensor]:
    """Distances along a layout's edges, for backbones that need nothing else of the graph.

    Args:
        graph_cfg: `layout`; see `skeletons.get_layout`.

    Returns:
        The completed layout, and the edges of the shortest path between two joints (v, v); those without a path are one
        edge further apart than any others.

    Raises:
        ConfigError: `graph_cfg` has other options.
    """
    if set(graph_cfg) != {'layout'}:
        raise ConfigError(f'graph_cfg: {", ".join(graph_cfg) or "empty"}; expected layout alone: this backbone makes '
                          'its own subsets of the graph.')
    layout = get_layout(graph_cfg['layout'])
    hops = get_hop_distance(layout['num_node'], layout['inward'], layout['num_node'] - 1)
    connected = np.isfinite(hops)
    return layout, torch.tensor(np.where(connected, hops, hops[connected].max() + 1)).long()
