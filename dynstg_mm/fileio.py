"""Files that are read without running anything and written whole or not at all."""
import contextlib
import glob
import os
import pickle
import socket
from pathlib import Path

# What an annotation file may name beside the plain containers that pickle builds without a name.
_CONTAINERS = {('builtins', name) for name in ('set', 'frozenset', 'bytearray', 'complex', 'slice', 'range')}
_CONTAINERS |= {('collections', 'OrderedDict'), ('collections', 'defaultdict')}
_ARRAYS = {'ndarray', 'dtype', '_reconstruct', 'scalar', '_frombuffer'}


class UnsafePickleError(pickle.UnpicklingError):
    """A pickle names something that is neither an array nor a plain container."""


class _PlainUnpickler(pickle.Unpickler):

    def find_class(self, module, name):
        module = {'__builtin__': 'builtins'}.get(module, module)
        if (module, name) in _CONTAINERS or (module, name) == ('_codecs', 'encode'):
            return super().find_class(module, name)
        if module.split('.')[0] == 'numpy' and name in _ARRAYS:
            # numpy 1 keeps these in numpy.core, numpy 2 in numpy._core; both must read the other's files.
            import numpy
            core = numpy._core if hasattr(numpy, '_core') else numpy.core
            for home in (numpy, core.multiarray, core.numeric):
                if hasattr(home, name):
                    return getattr(home, name)
        raise UnsafePickleError(f'it names {module}.{name}, and only arrays and plain containers are read; nothing was '
                                'executed')


def load_pickle(path):
    """Read a pickle that holds only numpy arrays, plain containers, strings and numbers.

    Args:
        path (str | Path): The file.

    Raises:
        FileNotFoundError: There is no such file.
        pickle.UnpicklingError: The file is truncated, is no pickle, or names anything that could run code. Nothing is
            executed in any case.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file.')
    try:
        with open(path, 'rb') as file:
            return _PlainUnpickler(file).load()
    except UnsafePickleError as error:
        raise UnsafePickleError(f'{path}: refused: {error}.') from None
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        reason = str(error).split('\n')[0]
        kind = type(error).__name__
        raise pickle.UnpicklingError(f'{path}: not a complete pickle file ({kind}: {reason}).') from None


@contextlib.contextmanager
def atomic_open(path, mode='w', **kwargs):
    """Open `path` for writing so that it is replaced when the block ends well, and left as it was otherwise.

    The new content goes to a hidden file beside it, one a process, since the ranks of a distributed run may write the
    same file; what a killed process left behind is cleared away by the next one.
    """
    path = Path(path)
    host = socket.gethostname()
    for left_over in path.parent.glob(glob.escape(f'.{path.name}.{host}.') + '*.part'):
        if not _alive(int(left_over.suffixes[-2][1:])):
            left_over.unlink(missing_ok=True)
    partial = path.with_name(f'.{path.name}.{host}.{os.getpid()}.part')
    try:
        with open(partial, mode, **kwargs) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def dump_pickle(data, path):
    """Write `data` as a pickle, replacing `path` whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_open(path, 'wb') as file:
        pickle.dump(data, file, protocol=4)
