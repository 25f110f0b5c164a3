"""Matrices of the hierarchy joint, limb, body."""
import torch
from torch import Tensor

from dynstg_mm.skeletons.layouts import Layout


def limb_graph(layout: Layout) -> tuple[Tensor, Tensor]:
    """The small graph above the joints: limbs that touch are linked, and the body, the last node, is linked to all.

    Args:
        layout: From `get_layout`.

    Returns:
        `pool` (l, v), the mean over a limb's joints, and `adjacency` (l, l), whose columns sum to 1.
    """
    limbs = [set(joints) for joints in layout['limbs'].values()]
    limbs.append(set(range(layout['num_node'])))
    pool = torch.zeros(len(limbs), layout['num_node'])
    for index, joints in enumerate(limbs):
        pool[index, sorted(joints)] = 1 / len(joints)
    adjacency = torch.eye(len(limbs))
    for a, first in enumerate(limbs):
        for b, second in enumerate(limbs):
            if any((i in first and j in second) or (j in first and i in second) for i, j in layout['inward']):
                adjacency[a, b] = 1
    return pool, adjacency / adjacency.sum(0)


def limb_pool(layout: Layout, names: list[str]) -> Tensor:
    """Mean over the joints of each of these limbs, and of the body as the last row.

    Args:
        layout: From `get_layout`.
        names: Limbs of the layout.

    Returns:
        Shape (len(names) + 1, v).
    """
    order = list(layout['limbs'])
    return limb_graph(layout)[0][[*map(order.index, names), -1]]


def limb_hierarchy(layout: Layout) -> Tensor:
    """The hierarchy as one adjacency over joints (Method, Hierarchy).

    Joints are pooled to limbs and body, these are mixed along the graph of `limb_graph`, and a joint receives the
    result of its limb and of the body. Our choice: the body is a node linked to every limb, so that one step carries a
    change from any limb to any other.

    Args:
        layout: From `get_layout`.

    Returns:
        Shape (v, v).
    """
    pool, adjacency = limb_graph(layout)
    return pool.T @ adjacency @ (pool > 0).float()
