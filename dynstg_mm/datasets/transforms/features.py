"""The input features of a model: joints, bones, angles, relative displacements, and their change over time."""
from collections.abc import Sequence

import numpy as np
from mmaction.registry import TRANSFORMS

from dynstg_mm.datasets.transforms.base import LayoutTransform, Results
from dynstg_mm.errors import ConfigError
from dynstg_mm.gait.pelvis import pelvis
from dynstg_mm.skeletons import Layout, mirror_order, parents

FEATS = ('j', 'b', 'a', 'rd', 'jm', 'bm', 'am', 'rdm')


def feature_channels(feats: Sequence[str], coordinates: int) -> int:
    """Number of channels that `GaitFeatures` makes, the `in_channels` of a model.

    Args:
        feats: Names as for `GaitFeatures`.
        coordinates: 2 or 3, one more if the score is kept as a feature.
    """
    return sum(1 if name in ('a', 'am') else coordinates for name in feats)


@TRANSFORMS.register_module()
class GaitFeatures(LayoutTransform):
    """Stack the features of each window along the channels; it follows `FormatGCNInput`.

    ======================= ============================================= ======== =============================
    name                    what, for each joint                          channels unit
    ======================= ============================================= ======== =============================
    `j`                     position                                      C        that of the keypoints
    `b`                     bone: position minus the parent's             C        that of the keypoints
    `a`                     joint angle                                   1        radians, 0 to pi
    `rd`                    relative displacement: position minus that of C        that of the keypoints
                            the mirror image, or of the pelvis
    `jm`, `bm`, `am`, `rdm` change per second, central differences inside as above as above / s
                            the window
    ======================= ============================================= ======== =============================

    C is 2 or 3; after `ScaleByLegLength` the unit is the leg length. `j`, `b`, `jm` and `bm` are named as in
    MMAction2's `GenSkeFeat`, but work for any layout.

    The angle at a joint is between the bones to its parent and to the child with the most joints behind it: pi for a
    straight knee. If a joint and its mirror image have the same parent (hips and pelvis, shoulders and neck), the bone
    to the parent lies across the body and is a point from the side; the angle is then with the trunk, towards the
    parent's next joint, and the bone to such a joint does not continue its parent either. A joint with fewer than two
    bones, or with a bone of length 0, has the angle 0. `joint_angles` lists the angles of a layout. The angle is
    unsigned, so it needs no walking direction, no vertical and no unwrapping.

    Relative displacements between joints are the features of Rueangsirarak et al. 2018 (doi
    10.1109/TNSRE.2018.2880871), who use all pairs of joints and emphasise symmetric ones. A graph network needs the
    same number of channels for every joint, so we use the symmetric pair, which gives step length, step width and
    asymmetry directly, and for a joint in the middle of the body the displacement from the pelvis.

    Args:
        layout: Replaces the data set's; 'rd' and 'rdm' need `left` and `right`.
        feats: Names from the table, in the order of the channels.
        rate: Frames per second, which turns differences into change per second.
        angles: Joints (a, v, b): the angle at v is then the one between the directions to a and b. Other joints keep
            theirs.
    """

    def __init__(self, layout: str | Layout | None = None, feats: Sequence[str] = ('j', ), *, rate: float = 25.,
                 angles: Sequence[Sequence[int]] = ()) -> None:
        super().__init__(layout)
        unknown = set(feats) - set(FEATS)
        if unknown or not feats:
            raise ConfigError(f'feats: {list(feats)!r}; expected some of {", ".join(FEATS)}.')
        self.feats = tuple(feats)
        self.rate = rate
        self.angles = [tuple(angle) for angle in angles]
        if any(len(angle) != 3 for angle in self.angles):
            raise ConfigError(f'angles: {angles!r}; expected three joints each, with the angle at the second.')

    def transform(self, results: Results) -> Results:
        """Replace the keypoints (windows, M, T, V, C) by the features."""
        joint, layout = results['keypoint'], self.layout(results)
        place = joint[..., :-1] if 'keypoint_score' in results else joint  # without the score
        sources = {}
        for name in {name.removesuffix('m') for name in self.feats}:
            if name == 'j':
                sources[name] = joint
            elif name == 'b':
                sources[name] = joint - joint[..., parents(layout), :]
            elif name == 'a':
                sources[name] = self._angles(place, layout)
            else:
                sources[name] = place - _partners(place, layout)
        stack = [sources[name] if name in sources else np.gradient(sources[name[:-1]], 1 / self.rate, axis=2)
                 for name in self.feats]
        results['keypoint'] = np.concatenate(stack, axis=-1).astype(np.float32)
        return results

    def _angles(self, place: np.ndarray, layout: Layout) -> np.ndarray:
        triples = {vertex: (start, vertex, end) for start, vertex, end in (*joint_angles(layout), *self.angles)}
        angles = np.zeros((*place.shape[:-1], 1), np.float32)
        if not triples:
            return angles
        wrong = [joint for triple in triples.values() for joint in triple if not 0 <= joint < layout['num_node']]
        if wrong:
            raise ConfigError(f'angles: joint {wrong[0]}; the joints of the layout are numbered 0 to '
                              f'{layout["num_node"] - 1}.')
        start, vertex, end = np.array(sorted(triples.values(), key=lambda triple: triple[1])).T
        one, one_valid = _directions(place[..., start, :] - place[..., vertex, :])
        other, other_valid = _directions(place[..., end, :] - place[..., vertex, :])
        # Kahan's formula, which is exact near 0 and pi
        angle = 2 * np.arctan2(np.linalg.norm(one - other, axis=-1), np.linalg.norm(one + other, axis=-1))
        angles[..., vertex, 0] = np.where(one_valid & other_valid, angle, 0)
        return angles


def joint_angles(layout: Layout) -> list[tuple[int, int, int]]:
    """Joints (a, v, b) of the angle at every joint v that has one: its parent, or the trunk, and its main child."""
    parent, mirror = parents(layout), mirror_order(layout)
    children: dict[int, list[int]] = {joint: [] for joint in range(layout['num_node'])}
    for joint, above in enumerate(parent):
        if above != joint:
            children[above].append(joint)
    behind = {joint: _subtree_size(joint, children) for joint in children}
    forked = {joint for joint in children if mirror[joint] != joint and parent[mirror[joint]] == parent[joint]}
    triples = []
    for joint, below in children.items():
        above, below = parent[joint], [child for child in below if child not in forked]
        if above == joint or not below:
            continue
        if joint in forked:
            ways = {other: behind[other] for other in children[above] if other not in forked}
            if parent[above] != above:
                ways[parent[above]] = len(parent) - behind[above]
            above = max(ways, key=lambda other: ways[other], default=above)
        triples.append((above, joint, max(below, key=lambda child: behind[child])))
    return triples


def _subtree_size(joint: int, children: dict[int, list[int]]) -> int:
    """Number of joints at and behind a joint."""
    visited, stack = {joint}, [joint]
    while stack:
        new = set(children[stack.pop()]) - visited
        visited |= new
        stack.extend(new)
    return len(visited)


def _partners(place: np.ndarray, layout: Layout) -> np.ndarray:
    """Place of the mirror image of every joint, or of the pelvis for a joint in the middle of the body."""
    if not layout.get('left') or not layout.get('right'):
        raise ConfigError('layout: left, right: missing; relative displacements (rd) are from the mirror image.')
    order = mirror_order(layout)
    partners = place[..., order, :]
    middle = [joint for joint, other in enumerate(order) if joint == other]
    partners[..., middle, :] = pelvis(place, layout)[..., None, :]
    return partners


def _directions(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors, and a mask of those with a length."""
    length = np.linalg.norm(vectors.astype(np.float64), axis=-1)
    valid = length > 0
    return vectors / np.where(valid, length, 1)[..., None], valid
