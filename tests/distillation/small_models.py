"""Small teachers and students, and steps of distributed training."""
import dynstg_mm  # noqa: F401  isort: skip  # patches what MMAction2 cannot import
import copy

import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import DefaultScope

METHODS = ('CGRKD', 'LogitKD', 'FitNet', 'RKD')


def recognizer(width=12, layout='body_25', in_channels=3, num_classes=2, **options):
    backbone = dict(type='DynSTGMamba', graph_cfg=dict(layout=layout), base_channels=(8, width), depths=(1, 1),
                    in_channels=in_channels)
    head = dict(type='GCNHead', num_classes=num_classes, in_channels=width)
    return dict(type='RecognizerGCN', **{'backbone': backbone, 'cls_head': head, **options})


def write_teacher(path, settings, **meta):
    torch.save(dict(state_dict=MODELS.build(copy.deepcopy(settings)).state_dict(), meta=dict(dataset_meta=meta)), path)


def distiller(folder, method='CGRKD', teacher=None, student=None, load=True, **options):
    """A distiller in eval mode. Its teacher's checkpoint is written and, with `load`, loaded."""
    torch.manual_seed(0)
    teacher = teacher or recognizer(16, in_channels=2)
    if load:
        write_teacher(folder / 'teacher.pth', teacher)
    options = {**(dict(memory_size=32) if method == 'CGRKD' else {}), **options}
    model = MODELS.build(dict(type=method, teacher=teacher, teacher_ckpt=str(folder / 'teacher.pth'),
                              student=student or recognizer(in_channels=2), **options))
    if load:
        model.teacher.load()
    return model.eval()


def batch(clips=4, seed=0):
    inputs = torch.randn(clips, 1, 1, 16, 25, 2, generator=torch.Generator().manual_seed(seed))
    return inputs, [ActionDataSample().set_gt_label(index % 2) for index in range(clips)]


def distillation_losses(model, data=None):
    return {name: value for name, value in model.loss(*(data or batch())).items()
            if name.startswith('loss_') and name != 'loss_cls'}


def two_steps(rank, world, folder, method, **options):
    """Losses, gradients and memory of two steps on this rank's share of the clips, each with an unlabelled window.

    The statistics of the batch norms are fixed.
    """
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = distiller(folder, method, load=False, **options).train()
    model.teacher.load()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()
    call = MMDistributedDataParallel(model, broadcast_buffers=False) if world > 1 else model  # as the runner does it
    history = []
    for seed in (0, 1):
        inputs, samples = batch(8, seed)
        for sample, window in zip(samples, batch(8, seed + 10)[0]):
            sample.set_field(window.numpy(), 'unlabelled_inputs')
        share = slice(rank * 8 // world, (rank + 1) * 8 // world)
        losses = call(inputs[share], samples[share], mode='loss')
        losses = {name: value for name, value in losses.items() if name.startswith('loss')}
        model.zero_grad()
        sum(losses.values()).backward()
        history.append({name: value.item() for name, value in losses.items()})
    gradients = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
    memory = model.distill_losses['memory'].memory.rings if method == 'CGRKD' else torch.zeros(0)
    torch.save(dict(losses=history, gradients=gradients, memory=memory), folder / f'{method}_{rank}_of_{world}.pt')


# methods that compare the clips of all processes, and one that does not
DISTRIBUTED = dict(CGRKD=dict(memory_size=64), RKD={}, FitNet={})


def distributed_steps(rank, world, folder):
    """Two steps of each method in one process of a distributed run on the CPU."""
    torch.set_num_threads(1)  # a forked process has none of its parent's threads, and would wait for them
    torch.distributed.init_process_group('gloo', f'file://{folder}/store', rank=rank, world_size=world)
    for name, settings in DISTRIBUTED.items():
        two_steps(rank, world, folder, name, **settings)
    torch.distributed.destroy_process_group()
