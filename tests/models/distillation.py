"""Small teachers and students."""
import copy

import torch

from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

GRAPH = dict(layout='body_25')


def recognizer(width=12, **options):
    backbone = dict(type='DynSTGMamba', graph_cfg=GRAPH, base_channels=(8, width), depths=(1, 1), balance_weight=0)
    return dict(type='RecognizerGCN', **{
        'backbone': backbone, 'cls_head': dict(type='GCNHead', num_classes=2, in_channels=width), **options})


def distiller(tmp_path, kind='CGRKD', teacher=None, student=None, ckpt=None, **options):
    """A distiller whose teacher's checkpoint is written, or is that of the distiller `ckpt`."""
    torch.manual_seed(0)
    teacher = teacher or recognizer(16)
    path = tmp_path / 'teacher.pth'
    if ckpt is None:
        torch.save(dict(state_dict=MODELS.build(copy.deepcopy(teacher)).state_dict()), path)
    return MODELS.build(dict(type=kind, teacher=teacher, teacher_ckpt=str(path), student=student or recognizer(),
                             **{**(dict(memory_size=32) if kind == 'CGRKD' else {}), **options}))


def batch(clips=4, seed=0):
    inputs = torch.randn(clips, 1, 1, 16, 25, 2, generator=torch.Generator().manual_seed(seed))
    return inputs, [ActionDataSample().set_gt_label(index % 2) for index in range(clips)]
