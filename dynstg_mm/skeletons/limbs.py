"""Matrices of the hierarchy joint, limb, body."""
import torch


def limb_graph(layout):
    """The small graph above the joints: limbs that touch are linked, and the body, the last node, is linked to all.

    Args:
        layout (dict): From `skeletons.get_layout`.

    Returns:
        tuple[Tensor, Tensor]: `pool` (l, v), the mean over a limb's joints, and `adjacency` (l, l), columns summing to
        1.
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


def limb_pool(layout, names):
    """Mean over the joints of each of these limbs, and of the body at the end.

    Args:
        layout (dict): From `skeletons.get_layout`.
        names (list[str]): Limbs of the layout.

    Returns:
        Tensor: (len(names) + 1, v).
    """
    order = list(layout['limbs'])
    return limb_graph(layout)[0][[*map(order.index, names), -1]]


def limb_hierarchy(layout):
    """The hierarchy as one adjacency over joints: joints pool to limbs and body, these mix along the graph of
    `limb_graph`, and a joint receives its limb's result and the body's (method, DF-STGNN 5).

    Our choice: the body is a node that every limb is linked to, so that one step carries a change from any limb to any
    other.

    Args:
        layout (dict): From `skeletons.get_layout`.

    Returns:
        Tensor: (v, v).
    """
    pool, adjacency = limb_graph(layout)
    return pool.T @ adjacency @ (pool > 0).float()
