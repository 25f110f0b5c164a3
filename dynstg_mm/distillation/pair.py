"""The settings of a student and its teacher, and what their skeletons have in common."""
from __future__ import annotations

import re
from dataclasses import dataclass

from mmaction.models.recognizers import RecognizerGCN
from mmaction.registry import MODELS
from torch import Tensor

from dynstg_mm.config import read_config
from dynstg_mm.errors import ConfigError
from dynstg_mm.skeletons import get_layout
from dynstg_mm.skeletons.limbs import limb_pool

# Names that get_layout generates for unnamed joints and limbs; in another layout they mean something else.
MADE_UP_JOINT, MADE_UP_LIMB = r'joint_\d+', r'center|branch_\d+'


@dataclass(frozen=True)
class Pair:
    """Facts about a student and its teacher that a loss needs before training.

    Attributes:
        same_joints: Whether both skeletons have the same joints.
        num_classes: Number of classes.
        teacher_channels: Channels of the teacher's features, to which the student's are projected.
    """

    same_joints: bool
    num_classes: int
    teacher_channels: int


def recognizer_settings(model: dict | str, role: str) -> dict:
    """Settings of a `RecognizerGCN`, checked.

    Args:
        model: The settings, or the path of a config file that has them as `model`.
        role: `teacher` or `student`, for the message of an error.

    Returns:
        The settings; those of a student without the `_scope_` that MMEngine adds to what a config inherits from
        `mmaction::`, since a distiller passes them on as arguments.

    Raises:
        ConfigError: The settings are not those of a `RecognizerGCN` with a head; a student may not be a subclass.
        FileNotFoundError: There is no such config file.
    """
    model = read_config(model, role).get('model') if isinstance(model, str) else model
    name = model.get('type') if isinstance(model, dict) else type(model).__name__
    built = MODELS.get(name) if isinstance(name, str) else name
    if not isinstance(built, type) or not issubclass(built, RecognizerGCN):
        raise ConfigError(f'{role}: type: {name}; expected the settings of a RecognizerGCN, or the path of its config.')
    if 'teacher' in model:
        raise ConfigError(f'{role}: type: {name}; it is a distiller. Expected a plain recognizer, such as its student.')
    if role == 'student' and built is not RecognizerGCN:
        raise ConfigError(f'{role}: type: {name}; expected RecognizerGCN itself, which the student is trained as.')
    if not model.get('cls_head'):
        raise ConfigError(f'{role}: cls_head: missing; both networks must score classes.')
    return {name: value for name, value in model.items() if name != '_scope_'} if role == 'student' else model


def layout_of(model: dict) -> dict | None:
    """The skeleton layout that the backbone in a model's settings is built for; None if it names none."""
    backbone = model.get('backbone') or {}
    while 'graph_cfg' not in backbone and isinstance(backbone.get('backbone'), dict):
        backbone = backbone['backbone']
    graph = backbone.get('graph_cfg')
    return get_layout(graph.get('layout', 'coco')) if graph else None  # coco is MMAction2's default


def have_same_joints(ours: dict, theirs: dict) -> bool:
    """Whether two layouts have the same joints: the same names or, if unnamed, the same edges."""
    def edges(layout: dict) -> tuple:
        return sorted(map(sorted, layout['inward'])), layout['center']
    if list(ours['joints']) != list(theirs['joints']):
        return False
    return not any(re.fullmatch(MADE_UP_JOINT, name) for name in ours['joints']) or edges(ours) == edges(theirs)


def may_share_inputs(student: dict, teacher: dict) -> bool:
    """Whether two models may see the same joints: False only if both settings name layouts, and these differ."""
    ours, theirs = layout_of(student), layout_of(teacher)
    return ours is None or theirs is None or have_same_joints(ours, theirs)


def shared_pools(student: dict, teacher: dict) -> tuple[bool, Tensor, Tensor]:
    """How the joints of two models' skeletons are averaged to the limbs that both have, and to the body.

    Args:
        student, teacher: Settings of the models.

    Returns:
        Whether the joints are the same, and the matrices of the student and the teacher, (l + 1, v) each.

    Raises:
        ConfigError: A model names no layout, or the joints differ and no limb has the same name in both layouts.
    """
    ours, theirs = layout_of(student), layout_of(teacher)
    if ours is None or theirs is None:
        role = 'student' if ours is None else 'teacher'
        raise ConfigError(f'{role}: backbone.graph_cfg: missing; comparing joints and limbs needs its layout.')
    if have_same_joints(ours, theirs):
        pool = limb_pool(theirs, list(theirs['limbs']))
        return True, pool, pool.clone()
    limbs = [name for name in theirs['limbs'] if name in ours['limbs'] and not re.fullmatch(MADE_UP_LIMB, name)]
    if not limbs:
        raise ConfigError(f'student: backbone.graph_cfg.layout.limbs: {", ".join(ours["limbs"])}; the teacher has '
                          f'{", ".join(theirs["limbs"])}. Expected at least one limb of the same name in both layouts, '
                          'because their joints differ.')
    return False, limb_pool(ours, limbs), limb_pool(theirs, limbs)
