"""Cost of a model: parameters, multiply-adds of one window and latency, and the machine it is measured on."""
from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.device import get_device
from torch import Tensor, nn


def multiply_adds(model: nn.Module, x: Tensor) -> int:
    """Multiply-adds of the backbone and the head for an input.

    PyTorch counts matrix products and convolutions. A module with other operations, such as a temporal filter or a
    selective scan, reports their number by its method `more_multiply_adds(result)`.

    Args:
        model: A recognizer with `backbone` and `cls_head`.
        x: One window (1, M, T, V, C), or another input of the backbone.
    """
    extra: list[int] = []
    model.eval()
    hooks = [module.register_forward_hook(lambda module, _, result: extra.append(module.more_multiply_adds(result)))
             for module in model.modules() if hasattr(module, 'more_multiply_adds')]
    from torch.utils.flop_counter import FlopCounterMode  # which imports sympy
    with FlopCounterMode(display=False) as counter:
        _infer(model, x)
    for hook in hooks:
        hook.remove()
    return counter.get_total_flops() // 2 + sum(extra)


def measure_costs(configs: Mapping[str, Config], *, rounds: int = 5, repeats: int = 10) -> dict[str, dict[str, Any]]:
    """Parameters, multiply-adds of one window, and latency with batch size 1.

    The models take turns, round by round, on the GPU if there is one. Otherwise they run on one CPU thread, which other
    processes disturb least. The weights are random, because they do not affect the cost. For a distilled model, the
    student is measured.

    Args:
        configs: Name -> config with `model` and `test_dataloader`.
        rounds: Rounds; the latency is the median over them.
        repeats: Calls in a round, whose mean is taken.

    Returns:
        Name -> `parameters`, `multiply_adds`, `latency_ms`.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    models = {name: (_build(cfg.model), _window(cfg)) for name, cfg in configs.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(rounds + 1):
        for name, (model, x) in models.items():
            _seconds(model, x, 2)
            times[name] += [_seconds(model, x, repeats)] * (turn > 0)  # the first round compiles and warms up
    torch.set_num_threads(threads)
    return {name: dict(
        parameters=sum(value.numel() for part in (model.backbone, model.cls_head) for value in part.parameters()),
        multiply_adds=multiply_adds(model, x), latency_ms=round(1e3 * float(np.median(times[name])), 3))
        for name, (model, x) in models.items()}


def _build(settings: Mapping[str, Any]) -> nn.Module:
    return MODELS.build(settings.get('student') or settings).to(get_device()).eval()


def _window(cfg: Config) -> Tensor:
    return DATASETS.build(cfg.test_dataloader.dataset)[0]['inputs'][:1].float().to(get_device())


@torch.no_grad()
def _infer(model: nn.Module, x: Tensor) -> Tensor:
    return model.cls_head(model.backbone(x))


def _seconds(model: nn.Module, x: Tensor, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        _infer(model, x)
    if x.is_cuda:
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / repeats


def processor() -> str:
    """The name of the CPU."""
    try:
        return Path('/proc/cpuinfo').read_text().split('model name')[1].split(':')[1].splitlines()[0].strip()
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def code_version() -> str:
    """The package's version, and the first digits of the SHA-256 of the code that scores depend on."""
    import dynstg_mm
    folder, digest = Path(dynstg_mm.__file__).parent, hashlib.sha256()
    for path in sorted(folder.rglob('*.py')):
        part = path.relative_to(folder)
        if part.parts[0] in ('datasets', 'hooks.py', 'layers', 'models', 'ops', 'skeletons', 'gait', 'distillation'):
            digest.update(f'{part.as_posix()}\n'.encode() + path.read_bytes())
    return f'{dynstg_mm.__version__}+{digest.hexdigest()[:8]}'


def versions() -> dict[str, str]:
    """Versions of the software that results depend on, and the machine."""
    import mmaction
    import mmengine
    import sklearn
    known = dict(dynstg_mm=code_version())
    known.update({module.__name__: module.__version__ for module in (torch, mmengine, mmaction, np, sklearn)})
    known['mmaction2'], known['scikit-learn'] = known.pop('mmaction'), known.pop('sklearn')
    machine = f'{processor()}, {os.cpu_count()} cores'
    if torch.cuda.is_available():
        machine += f', {torch.cuda.device_count()} x {torch.cuda.get_device_name()}'
    return dict(python=platform.python_version(), **known, machine=machine)
