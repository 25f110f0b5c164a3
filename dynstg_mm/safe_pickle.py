"""A restricted unpickler: arrays, plain containers, text and numbers, and nothing that runs code."""
import builtins
import math
import mmap
import pickle
import pickletools
import re
from pathlib import Path

import numpy

multiarray = (numpy._core if hasattr(numpy, '_core') else numpy.core).multiarray  # numpy 2, numpy 1
_NESTED = 50  # containers inside each other; an annotation file has 5
_ARGUMENT = {ord(op.code): op.arg.n if op.arg else 0 for op in pickletools.opcodes}  # bytes, or pickletools' < 0
_COUNTED = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT4: 4,
            pickletools.TAKEN_FROM_ARGUMENT4U: 4, pickletools.TAKEN_FROM_ARGUMENT8U: 8}


class UnsafePickleError(pickle.UnpicklingError):
    """A pickle names something that is neither an array nor a plain container."""


class _Dtype:
    """Stands for a numpy dtype while a pickle is read: numpy takes a forged state without looking, and then crashes."""

    __slots__ = ('plain', )
    __hash__ = None

    def __init__(self, code, *_):
        if not re.fullmatch('[biufcSUO][0-9]{1,9}', code):
            raise UnsafePickleError(f'it has an array of type {code!r}, and only numbers and text are read')
        self.plain = numpy.dtype(code)

    def __setstate__(self, state):
        if any(part is not None for part in state[2:5]) or state[1] not in ('<', '>', '=', '|'):
            raise UnsafePickleError('it has an array of a type made of several, and only numbers and text are read')
        self.plain = self.plain.newbyteorder(state[1])


class _Array:
    """Stands for a numpy array while a pickle is read, for the same reason."""

    __slots__ = ('plain', )
    __hash__ = None

    def __setstate__(self, state):
        _, shape, dtype, fortran, content = state
        if dtype.plain.hasobject:
            if len(content) != math.prod(shape):
                raise ValueError(f'{len(content)} values for an array of shape {shape}')
            self.plain = numpy.empty(len(content), object)
            for index, value in enumerate(content):
                self.plain[index] = value
            self.plain = self.plain.reshape(shape, order='F' if fortran else 'C')
        else:
            self.plain = numpy.empty(0, 'b')
            self.plain.__setstate__((1, shape, dtype.plain, fortran, content))


class _PlainUnpickler(pickle.Unpickler):
    """Builds arrays, containers and numbers.

    What a pickle may call are the methods below, none of which believes its arguments: a set of a `range`, say, would
    fill the memory. Ordered dicts and the like come back as plain ones, since a pickle may put attributes on them.
    """

    def find_class(self, module, name):
        home = {'__builtin__': 'builtins'}.get(module, module)
        home = 'numpy' if home.startswith('numpy.') else home
        if home == 'builtins' and name in ('complex', 'slice', 'range'):
            return getattr(builtins, name)
        # numpy 1 keeps its own in numpy.core, numpy 2 in numpy._core; both must read the other's files.
        known = {('builtins', 'set'): self._set, ('builtins', 'frozenset'): self._frozenset,
                 ('builtins', 'bytes'): self._no_bytes, ('builtins', 'bytearray'): self._bytearray,
                 ('_codecs', 'encode'): self._encode,
                 ('builtins', 'list'): 'list', ('builtins', 'dict'): 'dict', ('builtins', 'int'): 'int',  # as defaults
                 ('collections', 'OrderedDict'): self._dict, ('collections', 'defaultdict'): self._defaultdict,
                 ('numpy', 'ndarray'): 'numpy.ndarray', ('numpy', 'dtype'): self._dtype,
                 ('numpy', '_reconstruct'): self._array, ('numpy', 'scalar'): self._scalar,
                 ('numpy', '_frombuffer'): self._frombuffer}
        if (home, name) not in known:
            raise UnsafePickleError(f'it names {module}.{name}, and only arrays and plain containers are read; nothing '
                                    'was executed')
        return known[home, name]

    @staticmethod
    def _items(items):
        if not isinstance(items, (list, tuple)):
            raise UnsafePickleError(f'it makes a container of a {type(items).__name__}')
        return items

    def _set(self, items=()):
        return set(self._items(items))

    def _frozenset(self, items=()):
        return frozenset(self._items(items))

    def _dict(self, items=()):
        return dict(self._items(items))

    def _defaultdict(self, *_):
        return {}

    def _no_bytes(self):
        return b''

    def _bytearray(self, content=b'', encoding='latin-1'):
        return bytearray(content if isinstance(content, bytes) else self._encode(content, encoding))

    def _encode(self, text, encoding):
        if encoding not in ('latin1', 'latin-1') or not isinstance(text, str):
            raise UnsafePickleError(f'it encodes a {type(text).__name__} as {encoding!r}')
        return text.encode('latin-1')

    def _dtype(self, code, *_):
        return _Dtype(code)

    def _array(self, *_):
        return _Array()

    def _scalar(self, dtype, content):
        if dtype.plain.hasobject:
            raise UnsafePickleError('it has a single value of any type')
        return multiarray.scalar(dtype.plain, content)

    def _frombuffer(self, content, dtype, shape, order):
        array = numpy.frombuffer(content, dtype.plain).reshape(shape, order=order)
        return array.astype(array.dtype.newbyteorder('='), copy=False)  # as the other way of pickling arrays does it


def load_pickle(path):
    """Read a pickle that holds only numpy arrays, plain containers, strings and numbers.

    Args:
        path (str | Path): The file.

    Raises:
        FileNotFoundError: There is no such file.
        pickle.UnpicklingError: The file is truncated, is no pickle, names anything that could run code, or asks for
            more memory than its content needs. Nothing is executed in any case.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file; data/README.md tells how data files are got or made.')
    try:
        if not path.stat().st_size:
            raise EOFError('it is empty')
        with open(path, 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            _check_sizes(content)
            return _settle(_PlainUnpickler(content).load(), {})
    except OSError:
        raise
    except UnsafePickleError as error:
        raise UnsafePickleError(f'{path}: refused: {error}.') from None
    except MemoryError:
        raise pickle.UnpicklingError(f'{path}: asks for more memory than there is.') from None
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        reason = ' '.join(str(error).split())
        kind = type(error).__name__
        raise pickle.UnpicklingError(f'{path}: not a complete pickle file ({kind}: {reason}).') from None


def load_annotations(path, kind=ValueError):
    """Read an annotation file, of whose clips nothing is looked at.

    Args:
        path (str | Path): As of `load_pickle`, which raises what it raises.
        kind (type): Of the error where there is no list of annotations, a `ValueError`.

    Returns:
        dict: With `annotations`, a list that is not empty.
    """
    data = load_pickle(path)
    if not isinstance(data, dict) or not isinstance(data.get('annotations'), list) or not data['annotations']:
        raise kind(f'{path}: annotations: missing; expected a dict with split and a list of annotations.')
    return data


def _check_sizes(content):
    """Walk the instructions, none of which may claim more bytes than follow it, or a place far beyond the memo's end.

    The unpickler would allocate first, and a memo of 10 bytes of file can take gigabytes.
    """
    position, memorized = 0, 0
    while position < len(content):
        code = content[position]
        position += 1
        argument = _ARGUMENT.get(code)
        if code == ord('.') or argument is None:  # the unpickler ends here too, by itself or with an error
            return
        if code in b'PQ\x82\x83\x84':
            raise UnsafePickleError('it refers to objects outside of the file')
        start = position
        if argument == pickletools.UP_TO_NEWLINE:
            for _ in range(2 if code in b'ci' else 1):
                position = content.find(b'\n', position) + 1
                if not position:
                    raise EOFError('the file ends inside a line')
        elif argument < 0:
            width = _COUNTED[argument]
            position += width + int.from_bytes(content[position:position + width], 'little')
        else:
            position += argument
        if position > len(content):
            raise EOFError('the file ends inside a value')
        if code in b'pqr\x94':
            memorized += 1
            place = content[start:position]
            place = int(place) if code == ord('p') else int.from_bytes(place, 'little')
            if place > memorized + 1000:
                raise ValueError(f'value {memorized} is memorized in place {place}')


def _settle(value, done, depth=0):
    """The value with arrays and dtypes in place of what stood for them; `done` keeps shared values shared."""
    if depth > _NESTED:
        raise ValueError(f'containers are nested deeper than {_NESTED}')
    if id(value) in done:
        return done[id(value)][1]

    def settle(part):
        return part if part is None or type(part) in (str, int, float, bool, bytes) else _settle(part, done, depth + 1)

    kind, result = type(value), value
    if kind in (list, dict) or kind is numpy.ndarray and value.dtype.hasobject:
        done[id(value)] = value, value  # it may contain itself
    if kind is list:
        value[:] = map(settle, value)
    elif kind is dict:
        for key in value:
            value[key] = settle(value[key])
    elif kind is numpy.ndarray and value.dtype.hasobject:
        for place in numpy.ndindex(value.shape):
            value[place] = settle(value[place])
    elif kind is tuple:
        result = tuple(map(settle, value))
    elif kind in (_Array, _Dtype):
        result = settle(value.plain)
    done[id(value)] = value, result
    return result
