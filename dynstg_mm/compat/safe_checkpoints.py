"""torch 2.6 and later load only tensors by default, so resuming and testing fail (open-mmlab/mmengine#1655).

MMEngine's main branch uses `weights_only=False`, which runs any code that a checkpoint contains. Here local and
downloaded checkpoints are loaded with `weights_only=True` and an allow-list of what MMEngine stores. Always on.
"""
import collections
import contextlib
import errno
import os
import pickle
import re
from collections.abc import Iterator
from typing import Any

from dynstg_mm.errors import ConfigError, UserError
from dynstg_mm.files import existing_file
from dynstg_mm.import_hooks import when_imported


def apply() -> None:
    when_imported('mmengine.runner.checkpoint', _load_by_allow_list)


def _load_by_allow_list(checkpoint: Any) -> None:
    import torch
    torch.serialization.add_safe_globals(_checkpoint_types())
    load_what_fits = checkpoint.load_state_dict
    source = collections.deque(['checkpoint'], maxlen=1)  # what was loaded last, for messages

    def load_from_local(filename: str, map_location: Any) -> Any:
        """Load a local checkpoint of tensors, plain containers, log histories and scalars; refuse anything else."""
        filename = os.path.expanduser(filename)
        existing_file(filename, 'checkpoint')
        with _refusal_in_one_line(filename):
            content = torch.load(filename, map_location=map_location, weights_only=True)
        if not isinstance(content, dict):
            raise ConfigError(f'{filename}: state_dict: missing; expected a checkpoint of MMEngine.')
        source.append(filename)
        return content

    def load_url(url: str, **kwargs: Any) -> Any:
        """Download a checkpoint and load it in the same way."""
        with _refusal_in_one_line(url):
            source.append(url)
            return torch.hub.load_state_dict_from_url(url, weights_only=True, **kwargs)

    def load_state_dict(module: Any, state_dict: Any, *args: Any, **kwargs: Any) -> None:
        """Load weights as MMEngine does, which only logs what does not fit, but refuse them if none fits."""
        own = getattr(module, 'module', module).state_dict()
        own = {name: value for name, value in own.items() if value.ndim > 1} or own  # biases fit by accident
        if own and not any(name in own and own[name].shape == getattr(value, 'shape', None)
                           for name, value in state_dict.items()):
            raise ConfigError(f'{source[-1]}: no matrix of it fits the model; expected the checkpoint of the same '
                              'architecture, and perhaps a prefix as in init_cfg=dict(prefix="backbone.").')
        try:
            load_what_fits(module, state_dict, *args, **kwargs)
        except UserError as error:
            raise type(error)(f'{source[-1]}: {error}') from None

    checkpoint.CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)
    checkpoint.load_url = load_url
    checkpoint.load_state_dict = load_state_dict


def _checkpoint_types() -> list[Any]:
    """What a checkpoint of MMEngine holds besides tensors and plain containers: log histories and numpy scalars."""
    import numpy as np
    from mmengine.logging import HistoryBuffer

    def history_statistic(owner: object, name: str) -> object:
        """Replaces the `getattr` by which a HistoryBuffer pickles its statistics, and allows nothing else."""
        if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
            raise pickle.UnpicklingError(f'it asks for {name} of {owner!r}')
        return getattr(HistoryBuffer, name)

    reconstruct: Any
    scalar: Any
    reconstruct, scalar = np.zeros(1).__reduce__()[0], np.float64().__reduce__()[0]
    dtypes = {type(np.dtype(code)) for code in '?bBhHiIlLqQefdFD'}
    # A checkpoint from numpy 1 names numpy.core, one from numpy 2 numpy._core.
    named = [(function, f'numpy.{path}.multiarray.{function.__name__}')
             for function in (reconstruct, scalar) for path in ('core', '_core')]
    return [HistoryBuffer, np.ndarray, np.dtype, *dtypes, *named, (history_statistic, 'builtins.getattr')]


@contextlib.contextmanager
def _refusal_in_one_line(source: str) -> Iterator[None]:
    """Report the refused checkpoint and the reason, without torch's advice to try `weights_only=False`."""
    from dynstg_mm.safe_pickle import UnsafePickleError
    try:
        yield
    except Exception as error:  # a damaged checkpoint can make the unpickler raise anything
        if isinstance(error, OSError) and '://' in source:
            raise ConfigError(f'{source}: not downloaded ({error}).') from None
        if isinstance(error, MemoryError) or isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise  # an error of the machine, except EINVAL, which an offset beyond the end of the file causes
        requested = re.search(r'GLOBAL (\S+)', str(error))
        if requested:
            reason = f'it asks for {requested[1]}'
        elif isinstance(error, (pickle.UnpicklingError, RuntimeError)):
            said = re.split(r'\. |\n', str(error).split('Unpickler error:')[-1].strip())[0]
            reason = f'it is damaged, or another kind of file ({said.rstrip(".")})'
        else:
            reason = f'it is damaged, or another kind of file ({type(error).__name__})'
        raise UnsafePickleError(f'{source}: not loaded; a checkpoint is a whole file of tensors, plain containers '
                                f'and logs, and {reason}. Nothing was executed.') from None
