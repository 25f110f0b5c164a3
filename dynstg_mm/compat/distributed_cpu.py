"""MMEngine requires CUDA for every distributed run; without an accelerator, gloo on the CPU replaces it.

No issue upstream. Does nothing when torch sees an accelerator.
"""
import functools
import os
import subprocess
from typing import Any

from dynstg_mm.import_hooks import when_imported


def apply() -> None:
    when_imported('mmengine.dist.utils', _join_by_gloo)
    when_imported('mmengine.model.wrappers.distributed', _wrap_without_device)


def on_cpu() -> bool:
    """Whether MMEngine finds no accelerator."""
    from mmengine.device import get_device
    return get_device() == 'cpu'


def _join_by_gloo(utils: Any) -> None:
    by_pytorch, by_slurm = utils._init_dist_pytorch, utils._init_dist_slurm

    @functools.wraps(by_pytorch)
    def init_dist_pytorch(backend: str, **kwargs: Any) -> None:
        if not on_cpu():
            return by_pytorch(backend, **kwargs)
        kwargs.pop('init_backend', None)
        _init_process_group(**kwargs)

    @functools.wraps(by_slurm)
    def init_dist_slurm(backend: str, port: int | None = None, **kwargs: Any) -> None:
        """MMEngine's function without the choice of a GPU."""
        if not on_cpu():
            return by_slurm(backend, port, **kwargs)
        kwargs.pop('init_backend', None)
        variables = os.environ
        variables.update(RANK=variables['SLURM_PROCID'], WORLD_SIZE=variables['SLURM_NTASKS'],
                         LOCAL_RANK=variables['SLURM_LOCALID'])
        if port is not None:
            variables['MASTER_PORT'] = str(port)
        variables.setdefault('MASTER_PORT', '29500')
        if 'MASTER_ADDR' not in variables:
            hosts = subprocess.check_output(['scontrol', 'show', 'hostname', variables['SLURM_NODELIST']], text=True)
            variables['MASTER_ADDR'] = hosts.split()[0]
        _init_process_group(**kwargs)

    utils._init_dist_pytorch, utils._init_dist_slurm = init_dist_pytorch, init_dist_slurm


def _init_process_group(**kwargs: Any) -> None:
    import torch
    torch.distributed.init_process_group(backend='gloo', **kwargs)


def _wrap_without_device(distributed: Any) -> None:
    wrapper = distributed.MMDistributedDataParallel
    initialise = wrapper.__init__

    @functools.wraps(initialise)
    def init(self: Any, module: Any, *args: Any, **kwargs: Any) -> None:
        if on_cpu():
            kwargs.pop('device_ids', None)
        initialise(self, module, *args, **kwargs)

    wrapper.__init__ = init
