"""Adjacencies of skeleton layouts, from MMAction2's `Graph`, which here takes our layouts by name as well."""
import functools

import torch
from mmaction.models.utils import Graph

from dynstg_mm.skeletons import get_layout


def build_graph(layout, mode='spatial', **options):
    """Adjacency subsets of a layout, by MMAction2's `Graph`.

    Args:
        layout (str | dict): See `skeletons.get_layout`.
        mode (str): 'spatial' (self, inward, outward) or 'stgcn_spatial'.
        **options: Passed to `Graph`.

    Returns:
        tuple[dict, Tensor]: The completed layout, and A (k, v, v).
    """
    layout = get_layout(layout)
    return layout, torch.tensor(Graph(layout, mode=mode, **options).A, dtype=torch.float32)


def name_layouts():
    """Let `Graph` take what `get_layout` takes, so that MMAction2's backbones and ours swap places in one config.

    Its own three keep their edges; repeating it changes nothing.
    """
    known = Graph.__init__
    if hasattr(known, '__wrapped__'):
        return

    @functools.wraps(known)
    def init(self, layout='coco', *args, **kwargs):
        ours = isinstance(layout, str) and layout not in ('openpose', 'nturgb+d', 'coco')
        known(self, get_layout(layout) if ours else layout, *args, **kwargs)

    Graph.__init__ = init


name_layouts()
