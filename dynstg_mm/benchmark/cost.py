"""What a model costs: parameters, multiply-adds of one window, latency; and on which machine."""
import hashlib
import os
import platform
import time
from pathlib import Path

import numpy as np
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.device import get_device
from torch.utils.flop_counter import FlopCounterMode


def multiply_adds(model, x):
    """Multiply-adds of the backbone and the head for the input x.

    Matrix products and convolutions are counted by PyTorch; a module that does more, such as a temporal filter or a
    selective scan, says how much by its method `more_multiply_adds(result)`.

    Args:
        model (nn.Module): A recognizer with `backbone` and `cls_head`.
        x (Tensor): (1, M, T, V, C), one window, or what else the backbone takes.
    """
    extra = []
    model.eval()
    hooks = [module.register_forward_hook(lambda module, _, result: extra.append(module.more_multiply_adds(result)))
             for module in model.modules() if hasattr(module, 'more_multiply_adds')]
    with FlopCounterMode(display=False) as counter:
        _infer(model, x)
    for hook in hooks:
        hook.remove()
    return counter.get_total_flops() // 2 + sum(extra)


def measure_costs(configs, *, rounds=5, repeats=10):
    """Parameters, multiply-adds of one window and latency of batch 1 of models, which take turns, round by round.

    On a GPU where there is one, else on the CPU; with one thread, which the other processes of the machine disturb
    least. Weights and windows are as they come; neither changes what is measured. Of a distilled model, it is the
    student that is measured, which is what is used afterwards.

    Args:
        configs (dict[str, Config]): Name -> config with `model` and `test_dataloader`.
        rounds (int): Rounds; a latency is the median over them.
        repeats (int): Calls a round, whose mean is taken.

    Returns:
        dict[str, dict]: Name -> `parameters`, `multiply_adds`, `latency_ms`.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    models = {name: (_build(cfg.model), _window(cfg)) for name, cfg in configs.items()}
    times = {name: [] for name in models}
    for turn in range(rounds + 1):
        for name, (model, x) in models.items():
            _seconds(model, x, 2)
            times[name] += [_seconds(model, x, repeats)] * (turn > 0)  # the first round compiles and warms up
    torch.set_num_threads(threads)
    return {name: dict(
        parameters=sum(value.numel() for part in (model.backbone, model.cls_head) for value in part.parameters()),
        multiply_adds=multiply_adds(model, x), latency_ms=round(1e3 * float(np.median(times[name])), 3))
        for name, (model, x) in models.items()}


def _build(settings):
    return MODELS.build(settings.get('student') or settings).to(get_device()).eval()


def _window(cfg):
    return DATASETS.build(cfg.test_dataloader.dataset)[0]['inputs'][:1].float().to(get_device())


@torch.no_grad()
def _infer(model, x):
    return model.cls_head(model.backbone(x))


def _seconds(model, x, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        _infer(model, x)
    if x.is_cuda:
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / repeats


def processor():
    """The name of the CPU."""
    try:
        return Path('/proc/cpuinfo').read_text().split('model name')[1].split(':')[1].splitlines()[0].strip()
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def code_version():
    """The package's version, and the first digits of the SHA-256 of the code that the scores of a run depend on."""
    import dynstg_mm
    folder, digest = Path(dynstg_mm.__file__).parent, hashlib.sha256()
    for path in sorted(folder.rglob('*.py')):
        part = path.relative_to(folder)
        if part.parts[0] in ('datasets', 'hooks.py', 'layers', 'models', 'ops', 'skeletons', 'gait', 'distillation'):
            digest.update(f'{part.as_posix()}\n'.encode() + path.read_bytes())
    return f'{dynstg_mm.__version__}+{digest.hexdigest()[:8]}'


def versions():
    """Versions of what results depend on, and the machine."""
    import mmaction
    import mmengine
    import sklearn
    found = dict(dynstg_mm=code_version())
    found.update({module.__name__: module.__version__ for module in (torch, mmengine, mmaction, np, sklearn)})
    found['mmaction2'], found['scikit-learn'] = found.pop('mmaction'), found.pop('sklearn')
    machine = f'{processor()}, {os.cpu_count()} cores'
    if torch.cuda.is_available():
        machine += f', {torch.cuda.device_count()} x {torch.cuda.get_device_name()}'
    return dict(python=platform.python_version(), **found, machine=machine)
