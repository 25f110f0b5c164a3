"""What a model sees of a window: joints, bones, angles, relative displacements, and how they change."""
import numpy as np
from mmaction.registry import TRANSFORMS

from dynstg_mm.datasets.transforms.base import LayoutTransform
from dynstg_mm.skeletons import mirror_order, parents

FEATS = ('j', 'b', 'a', 'rd', 'jm', 'bm', 'am', 'rdm')


def feature_channels(feats, coordinates):
    """Number of channels that `GaitFeatures` makes, the `in_channels` of a model.

    Args:
        feats (list[str]): Names as `GaitFeatures` takes them.
        coordinates (int): 2 or 3, one more where the score is kept as a feature.
    """
    return sum(1 if name in ('a', 'am') else coordinates for name in feats)


@TRANSFORMS.register_module()
class GaitFeatures(LayoutTransform):
    """Stack the features of each window along the channels; it follows `FormatGCNInput`.

    | name | what, for each joint | channels | unit |
    |------|----------------------|----------|------|
    | `j`  | position             | C | of the keypoints: leg lengths after `ScaleByLegLength` |
    | `b`  | bone: position minus the parent's | C | of the keypoints |
    | `a`  | joint angle          | 1 | radians, 0 to pi |
    | `rd` | relative displacement: position minus that of the mirror image | C | of the keypoints |
    | `jm`, `bm`, `am`, `rdm` | change per second, central differences inside the window | as above | as above / s |

    `j`, `b`, `jm` and `bm` have the names of MMAction2's `GenSkeFeat`, here for any layout; C is 2 or 3.

    The angle at a joint lies between the bones to its parent and to the child with the most joints behind it: pi for a
    straight knee. Where a joint and its mirror image hang off the same parent, hips off a pelvis or shoulders off a
    neck, the bone to the parent lies across the body, and from the side it is a point; there the angle is that with the
    trunk, towards the parent's next joint. Such a fork is no continuation of its parent either. A joint that is left
    with fewer than two bones, and one with a bone of length 0, has the angle 0. `joint_angles` lists the angles of a
    layout. It is one unsigned angle, since that needs no walking direction, no vertical, and no unwrapping.

    Relative displacements between joints are the features of Rueangsirarak et al. 2018 (doi
    10.1109/TNSRE.2018.2880871), who take them between any two joints, and between symmetric ones in particular. A graph
    network wants as many numbers of every joint; of the pairs we take the symmetric ones, which tell step length, step
    width and asymmetry directly, and of a joint in the middle of the body the displacement from the centre.

    Args:
        layout (str | dict, optional): In place of the data set's; 'rd' and 'rdm' need `left` and `right`.
        feats (list[str]): Names from the table, in the order of the channels.
        rate (float): Frames per second, which turns differences into change per second.
        angles (list[tuple[int, int, int]], optional): Joints (a, v, b); the angle at v is then the one between the
            directions to a and b. Other joints keep theirs.
    """

    def __init__(self, layout=None, feats=('j', ), *, rate=25., angles=()):
        super().__init__(layout)
        unknown = set(feats) - set(FEATS)
        if unknown or not feats:
            raise ValueError(f'feats: {sorted(unknown)} unknown; choose from {", ".join(FEATS)}.')
        self.feats = tuple(feats)
        self.rate = rate
        self.angles = [tuple(angle) for angle in angles]
        if any(len(angle) != 3 for angle in self.angles):
            raise ValueError(f'angles: {angles!r}; expected three joints each, the angle being at the second.')

    def transform(self, results):
        joint, layout = results['keypoint'], self.layout(results)  # (windows, M, T, V, C)
        place = joint[..., :-1] if 'keypoint_score' in results else joint  # the last channel is then the score
        sources = {}
        for name in {name.removesuffix('m') for name in self.feats}:
            if name == 'j':
                sources[name] = joint
            elif name == 'b':
                sources[name] = joint - joint[..., parents(layout), :]
            elif name == 'a':
                sources[name] = self._angles(place, layout)
            else:
                sources[name] = place - place[..., _partners(layout), :]
        stack = [sources[name] if name in sources else np.gradient(sources[name[:-1]], 1 / self.rate, axis=2)
                 for name in self.feats]
        results['keypoint'] = np.concatenate(stack, axis=-1).astype(np.float32)
        return results

    def _angles(self, place, layout):
        triples = {vertex: (start, vertex, end) for start, vertex, end in (*joint_angles(layout), *self.angles)}
        angles = np.zeros((*place.shape[:-1], 1), np.float32)
        if not triples:
            return angles
        wrong = [joint for triple in triples.values() for joint in triple if not 0 <= joint < layout['num_node']]
        if wrong:
            raise ValueError(f'angles: names joint {wrong[0]}; the layout has {layout["num_node"]}.')
        start, vertex, end = np.array(sorted(triples.values(), key=lambda triple: triple[1])).T
        one, there = _directions(place[..., start, :] - place[..., vertex, :])
        other, here = _directions(place[..., end, :] - place[..., vertex, :])
        # Kahan's formula, exact for angles near 0 and pi, too
        angle = 2 * np.arctan2(np.linalg.norm(one - other, axis=-1), np.linalg.norm(one + other, axis=-1))
        angles[..., vertex, 0] = np.where(there & here, angle, 0)
        return angles


def joint_angles(layout):
    """Joints (a, v, b) of the angle at every joint v that has one: its parent, or the trunk, and its main child.

    Args:
        layout (dict): From `get_layout`.
    """
    parent, mirror = parents(layout), mirror_order(layout)
    children = {joint: [] for joint in range(layout['num_node'])}
    for joint, above in enumerate(parent):
        if above != joint:
            children[above].append(joint)
    behind = {joint: _count(joint, children) for joint in children}
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
            above = max(ways, key=ways.get, default=above)
        triples.append((above, joint, max(below, key=behind.get)))
    return triples


def _count(joint, children):
    """Number of joints at and behind a joint."""
    found, stack = {joint}, [joint]
    while stack:
        new = set(children[stack.pop()]) - found
        found |= new
        stack.extend(new)
    return len(found)


def _partners(layout):
    """The mirror image of every joint, and the centre for a joint in the middle of the body."""
    if not layout.get('left') or not layout.get('right'):
        raise ValueError('layout: left and right missing; relative displacements (rd) are those from the mirror image.')
    return [other if other != joint else layout['center'] for joint, other in enumerate(mirror_order(layout))]


def _directions(vectors):
    """Unit vectors, and which of the vectors have a length."""
    length = np.linalg.norm(vectors.astype(np.float64), axis=-1)
    there = length > 0
    return vectors / np.where(there, length, 1)[..., None], there
