"""What it takes to run MMAction2 1.2 on today's Python stack.

`apply()` runs once, when `dynstg_mm` is imported. Every mend is one function below: its docstring names the upstream
issue and the condition under which it does nothing, so that a repaired MMAction2, MMEngine or fork stays as it is.
One defect needs no code: `importlib_metadata`, which MMAction2 imports without declaring it, is a requirement of ours.
"""
import contextlib
import errno
import functools
import importlib
import importlib.metadata
import importlib.util
import io
import os
import pickle
import re
import subprocess
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import torch

from dynstg_mm.files import atomic_open

MMCV_HINT = ('MMAction2 needs mmcv or mmcv-lite, and this Python has neither. Type:  '
             'pip install "mmcv-lite>=2.0.0,<2.2.0"  (no compiler needed; mmcv itself only where its CUDA operators '
             'are wanted, never both)')


def apply():
    """Apply every mend that this environment needs; repeating it changes nothing."""
    require_mmcv()
    _package_lookup_without_pkg_resources()
    _import_mmaction_with_newer_mmcv()
    _stand_in_for_missing_drn()
    _leave_out_vindlu_with_newer_transformers()
    _load_checkpoints_by_allow_list()
    _write_files_whole()
    _distribute_on_cpu()
    _accuracy_of_bfloat16_scores()


def require_mmcv():
    """Say what to type where mmcv is missing, and warn where mmcv and mmcv-lite overwrite each other's files.

    Does nothing when exactly one of them is installed.
    """
    if importlib.util.find_spec('mmcv') is None:
        raise ImportError(MMCV_HINT)
    installed = {name for name in ('mmcv', 'mmcv-lite') if _distribution(name)}
    if len(installed) == 2:
        warnings.warn('mmcv and mmcv-lite are both installed and overwrite each other\'s files. Keep one:  '
                      'pip uninstall mmcv mmcv-lite  and install one of them again.')
    # mmcv-lite warns of an operator that no skeleton model uses, on every import and in every worker.
    warnings.filterwarnings('ignore', message='Fail to import ``MultiScaleDeformableAttention``')


def _distribution(name):
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _package_lookup_without_pkg_resources():
    """`mmaction::` inheritance and `is_installed` use pkg_resources, gone in setuptools 82 (open-mmlab/mmengine#1676).

    Does nothing when MMEngine finds its own folder without a warning (older setuptools warn on every call).
    """
    import mmengine
    from mmengine.utils import package_utils
    home = os.path.dirname(mmengine.__file__)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            found = package_utils.is_installed('mmengine') and package_utils.get_installed_path('mmengine')
            works = found and os.path.samefile(found, home)
    except Exception:  # whatever a broken lookup raises, it is broken
        works = False
    if works:
        return

    def is_installed(package):
        """Whether `package` is an installed distribution or an importable module."""
        return _distribution(package) is not None or _module_folder(package) is not None

    def get_installed_path(package):
        """Folder of the module that the distribution or module `package` brings."""
        folder = _module_folder(package) or _module_folder(package2module(package))
        if folder is None:
            raise importlib.metadata.PackageNotFoundError(package)
        return folder

    def package2module(package):
        """Name of the first top-level module of the distribution `package`."""
        names = (importlib.metadata.distribution(package).read_text('top_level.txt') or '').split()
        if not names:
            raise ValueError(f'can not infer the module name of {package}')
        return names[0]

    for function in (is_installed, get_installed_path, package2module):
        _rebind(getattr(package_utils, function.__name__), function)


def _module_folder(name):
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return os.path.dirname(spec.origin) if spec and spec.origin else None


def _rebind(old, new):
    """Put `new` in the place of `old` in every mm module that has imported it by name."""
    for name, module in list(sys.modules.items()):
        if name.startswith(('mmengine', 'mmcv', 'mmaction')) and vars(module).get(old.__name__) is old:
            setattr(module, old.__name__, new)


def _stand_in_for_missing_drn():
    """The wheel lacks `mmaction.models.localizers.drn`, so `mmaction.models` fails (open-mmlab/mmaction2#2714).

    The main branch has it, but there it imports torchvision, which MMAction2 does not declare. Does nothing when both
    the folder and torchvision are there.
    """
    import mmaction
    from mmaction.registry import MODELS
    name = 'mmaction.models.localizers.drn'
    missing = [] if (Path(mmaction.__file__).parent / 'models' / 'localizers' / 'drn').is_dir() else [name]
    missing += [] if importlib.util.find_spec('torchvision') else ['torchvision']
    if name in sys.modules or not missing:
        return

    @MODELS.register_module()
    class DRN:
        """Says why the temporal localizer DRN cannot be built."""

        def __init__(self, *args, **kwargs):
            raise ImportError(f'DRN needs {" and ".join(missing)}, not found here (open-mmlab/mmaction2#2714).')

    package, module = types.ModuleType(name), types.ModuleType(f'{name}.drn')
    package.__path__ = []
    module.DRN = DRN
    sys.modules.update({name: package, f'{name}.drn': module})


def _leave_out_vindlu_with_newer_transformers():
    """A transformers from 4.56 on lacks what VindLU imports, and with VindLU all of `mmaction.models` fails (no issue
    upstream; seen with transformers 5.17).

    Does nothing without transformers, or with one that has it. Its file is read, not imported, which would take seconds.
    """
    from mmaction.utils import dependency
    folder = _module_folder('transformers') if dependency.WITH_MULTIMODAL else None
    if folder is None:
        return
    file = Path(folder, 'modeling_utils.py')
    source = file.read_text(encoding='utf-8') if file.is_file() else ''
    needed = ('apply_chunking_to_forward', 'find_pruneable_heads_and_indices', 'prune_linear_layer')
    missing = [name for name in needed if name not in source]
    if not missing:
        return

    def stand_in(names, registry):
        for name in names:
            def refuse(*args, name=name, **kwargs):
                raise ImportError(f'{name} needs {", ".join(missing)} of transformers.modeling_utils, not found here. '
                                  'Type:  pip install "transformers>=4.28,<4.56"')
            registry.register_module(name=name, module=refuse)

    dependency.WITH_MULTIMODAL, dependency.register_multimodal_placeholder = False, stand_in


def _import_mmaction_with_newer_mmcv():
    """MMAction2 1.2 refuses mmcv 2.2 and later, whose parts it uses are unchanged (open-mmlab/mmaction2#2709).

    Does nothing when MMAction2 accepts the mmcv that is there.
    """
    import mmcv
    if importlib.util.find_spec('mmaction') is None:
        raise ImportError('MMAction2 is not installed. Type:  pip install mmaction2==1.2.0')
    try:
        import mmaction  # noqa: F401
        return
    except AssertionError:
        if not mmcv.__version__.startswith('2.'):
            raise
    found = mmcv.__version__
    mmcv.__version__ = '2.1.0'
    try:
        importlib.import_module('mmaction')
    finally:
        mmcv.__version__ = found


def _checkpoint_types():
    """What a checkpoint of MMEngine holds besides tensors and plain containers: log histories and numpy scalars."""
    from mmengine.logging import HistoryBuffer
    reconstruct, scalar = np.zeros(1).__reduce__()[0], np.float64().__reduce__()[0]
    dtypes = {type(np.dtype(code)) for code in '?bBhHiIlLqQefdFD'}
    # A checkpoint from numpy 1 names numpy.core, one from numpy 2 numpy._core.
    named = [(function, f'numpy.{path}.multiarray.{function.__name__}')
             for function in (reconstruct, scalar) for path in ('core', '_core')]
    return [HistoryBuffer, np.ndarray, np.dtype, *dtypes, *named, (_history_statistic, 'builtins.getattr')]


def _history_statistic(owner, name):
    """Stands in for the `getattr` by which a HistoryBuffer pickles its statistics; it reaches nothing else."""
    from mmengine.logging import HistoryBuffer
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise pickle.UnpicklingError(f'it asks for {name} of {owner!r}')
    return getattr(HistoryBuffer, name)


def _load_checkpoints_by_allow_list():
    """torch 2.6 and later load only tensors unless told, so resuming and testing fail (open-mmlab/mmengine#1655).

    MMEngine's main branch answers with `weights_only=False`, which runs whatever a checkpoint asks for. Here local and
    downloaded checkpoints are loaded with `weights_only=True` and the list above. This mend is never off.
    """
    from mmengine.runner import checkpoint
    torch.serialization.add_safe_globals(_checkpoint_types())

    def load_from_local(filename, map_location):
        """Load a local checkpoint, refusing anything beyond tensors, plain containers, log histories and scalars."""
        filename = os.path.expanduser(filename)
        if not os.path.isfile(filename):
            raise FileNotFoundError(f'{filename}: no such checkpoint.')
        with _refusal_in_one_line(filename):
            return torch.load(filename, map_location=map_location, weights_only=True)

    def load_url(url, **kwargs):
        """Download a checkpoint and load it in the same way."""
        with _refusal_in_one_line(url):
            return torch.hub.load_state_dict_from_url(url, weights_only=True, **kwargs)

    checkpoint.CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)
    checkpoint.load_url = load_url


@contextlib.contextmanager
def _refusal_in_one_line(source):
    """Name the checkpoint that was refused and the reason, without torch's advice to try `weights_only=False`."""
    try:
        yield
    except Exception as error:  # a damaged checkpoint can make the unpickler raise anything
        if isinstance(error, MemoryError) or isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise  # of the machine; EINVAL comes from places in the file that are not there
        found = re.search(r'GLOBAL (\S+)', str(error))
        if found:
            reason = f'it asks for {found[1]}'
        elif isinstance(error, (pickle.UnpicklingError, RuntimeError)):
            reason = re.split(r'\.? In PyTorch 2|\n', str(error).split('Unpickler error:')[-1].strip())[0]
        else:
            reason = f'it is damaged ({type(error).__name__})'
        raise pickle.UnpicklingError(f'{source}: not loaded; a checkpoint is a whole file of tensors, plain containers '
                                     f'and logs, and {reason.rstrip(".")}. Nothing was executed.') from None


def _write_files_whole():
    """MMEngine writes checkpoints and `last_checkpoint` in place, so a killed run leaves half a file (no issue there).

    Does nothing when the local backend has been replaced already, by us or by the user.
    """
    from mmengine.fileio import LocalBackend, register_backend
    from mmengine.fileio.backends import registry_utils
    from mmengine.hooks import checkpoint_hook
    if registry_utils.backends['local'] is not LocalBackend:
        return

    class AtomicLocalBackend(LocalBackend):
        """LocalBackend whose files are replaced whole or not at all."""

        def put(self, obj, filepath):
            os.makedirs(os.path.dirname(os.path.abspath(filepath)), exist_ok=True)
            with atomic_open(filepath, 'wb') as file:
                file.write(obj.getvalue() if isinstance(obj, io.BytesIO) else obj)

        def put_text(self, obj, filepath, encoding='utf-8'):
            self.put(obj.encode(encoding), filepath)

    register_backend('local', AtomicLocalBackend, force=True, prefixes='')
    checkpoint_hook.open = atomic_open  # the hook's only use of open() is to write last_checkpoint


def _distribute_on_cpu():
    """MMEngine asks for CUDA in every distributed run (no issue upstream); without a device, gloo on the CPU serves.

    Does nothing when torch sees an accelerator.
    """
    from mmengine.device import get_device
    from mmengine.dist import utils
    from mmengine.model import MMDistributedDataParallel
    if get_device() != 'cpu' or hasattr(MMDistributedDataParallel, 'on_cpu'):
        return

    def _init_dist_pytorch(backend, init_backend='torch', **kwargs):
        torch.distributed.init_process_group(backend='gloo', **kwargs)

    def _init_dist_slurm(backend, init_backend='torch', **kwargs):
        """MMEngine's, less the choice of a GPU."""
        tell = os.environ
        tell.update(RANK=tell['SLURM_PROCID'], WORLD_SIZE=tell['SLURM_NTASKS'], LOCAL_RANK=tell['SLURM_LOCALID'])
        tell.setdefault('MASTER_PORT', '29500')
        if 'MASTER_ADDR' not in tell:
            hosts = subprocess.check_output(['scontrol', 'show', 'hostname', tell['SLURM_NODELIST']], text=True)
            tell['MASTER_ADDR'] = hosts.split()[0]
        torch.distributed.init_process_group(backend='gloo', **kwargs)

    initialise = MMDistributedDataParallel.__init__

    @functools.wraps(initialise)
    def on_cpu(self, module, *args, device_ids=None, **kwargs):
        initialise(self, module, *args, **kwargs)

    utils._init_dist_pytorch, utils._init_dist_slurm = _init_dist_pytorch, _init_dist_slurm
    MMDistributedDataParallel.__init__ = MMDistributedDataParallel.on_cpu = on_cpu


def _accuracy_of_bfloat16_scores():
    """MMAction2's heads hand their scores to NumPy, which has no bfloat16, so such a training stops (no issue upstream).

    Does nothing for scores of any other type.
    """
    from mmaction.models.heads.base import BaseHead
    if hasattr(BaseHead.loss_by_feat, '__wrapped__'):
        return
    loss_by_feat = BaseHead.loss_by_feat

    @functools.wraps(loss_by_feat)
    def in_single_precision(self, cls_scores, data_samples):
        if cls_scores.dtype == torch.bfloat16:
            cls_scores = cls_scores.float()
        return loss_by_feat(self, cls_scores, data_samples)

    BaseHead.loss_by_feat = in_single_precision
