"""Small teachers and students, and, by `torchrun -m tests.models.distillation FOLDER`, two steps of learning in each process."""
import copy
import os
import sys
from pathlib import Path

import mmaction.models  # noqa: F401
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import DefaultScope

import dynstg_mm  # noqa: F401  before torch

GRAPH = dict(layout='body_25')


def recognizer(width=12, **options):
    backbone = dict(type='DynSTGMamba', graph_cfg=GRAPH, base_channels=(8, width), depths=(1, 1), balance_weight=0)
    return dict(type='RecognizerGCN', **{
        'backbone': backbone, 'cls_head': dict(type='GCNHead', num_classes=2, in_channels=width), **options})


def distiller(tmp_path, kind='CGRKD', teacher=None, student=None, ckpt=None, **options):
    """A distiller whose teacher's checkpoint is written and loaded, or, with `ckpt`, is the one there, not yet loaded."""
    torch.manual_seed(0)
    teacher = teacher or recognizer(16)
    path = tmp_path / 'teacher.pth'
    if ckpt is None:
        torch.save(dict(state_dict=MODELS.build(copy.deepcopy(teacher)).state_dict()), path)
    model = MODELS.build(dict(type=kind, teacher=teacher, teacher_ckpt=str(path), student=student or recognizer(),
                              **{**(dict(memory_size=32) if kind == 'CGRKD' else {}), **options}))
    if ckpt is None:
        model.load_teacher()
    return model


def batch(clips=4, seed=0):
    inputs = torch.randn(clips, 1, 1, 16, 25, 2, generator=torch.Generator().manual_seed(seed))
    return inputs, [ActionDataSample().set_gt_label(index % 2) for index in range(clips)]


def steps(rank, world, folder, kind, **options):
    """Two steps on this rank's share of the clips, each with a window without a label, with the statistics of the norms
    fixed; keeps what came out."""
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = distiller(folder, kind, ckpt=True, **options).train()
    model.load_teacher()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()
    # as the runner has it
    call = MMDistributedDataParallel(model, broadcast_buffers=False) if world > 1 else model
    found = []
    for seed in (0, 1):
        inputs, samples = batch(8, seed)
        for sample, window in zip(samples, batch(8, seed + 10)[0]):
            sample.set_field(window.numpy(), 'unlabelled_inputs')
        share = slice(rank * 8 // world, (rank + 1) * 8 // world)
        losses = call(inputs[share], samples[share], mode='loss')
        losses = {name: value for name, value in losses.items() if name.startswith('loss')}
        model.zero_grad()
        sum(losses.values()).backward()
        found.append({name: value.item() for name, value in losses.items()})
    gradients = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
    memory = getattr(model, 'distill_memory', torch.zeros(0))
    torch.save(dict(losses=found, gradients=gradients, memory=memory), folder / f'{kind}_{rank}_of_{world}.pt')


# the kinds that compare clips of all processes, and one that does not
DISTRIBUTED = dict(CGRKD=dict(memory_size=64), RKD={}, FitNet={})

if __name__ == '__main__':
    torch.distributed.init_process_group('gloo')
    for name, settings in DISTRIBUTED.items():
        steps(int(os.environ['RANK']), int(os.environ['WORLD_SIZE']), Path(sys.argv[1]), name, **settings)
    torch.distributed.destroy_process_group()
