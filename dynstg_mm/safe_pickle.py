"""Read pickles without running code: arrays, plain containers, text and numbers only."""
import builtins
import io
import math
import mmap
import os
import pickle
import pickletools
import re
from collections.abc import Sequence
from typing import Any

import numpy

from dynstg_mm.errors import DataError
from dynstg_mm.files import existing_file

multiarray: Any = (numpy._core if hasattr(numpy, '_core') else numpy.core).multiarray  # numpy 2, numpy 1
_MAX_DEPTH = 50  # of nested containers; an annotation file has 5
# Bytes of each opcode's argument; negative as in pickletools if the length is variable.
_ARGUMENT = {ord(op.code): op.arg.n if op.arg else 0 for op in pickletools.opcodes}
# Bytes that hold the length of such an argument.
_COUNTED = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT4: 4,
            pickletools.TAKEN_FROM_ARGUMENT4U: 4, pickletools.TAKEN_FROM_ARGUMENT8U: 8}


class UnreadablePickleError(DataError, pickle.UnpicklingError):
    """A pickle is damaged, or asks for more memory than there is."""


class UnsafePickleError(UnreadablePickleError):
    """A pickle names something that is neither an array nor a plain container."""


class _Dtype:
    """Placeholder for a numpy dtype while a pickle is read; numpy would accept a forged state and crash later."""

    __slots__ = ('plain', )
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, code: str, *_: Any) -> None:
        if not re.fullmatch('[biufcSUO][0-9]{1,9}', code):
            raise UnsafePickleError(f'it holds an array of type {code!r}; expected numbers or text')
        self.plain = numpy.dtype(code)

    def __setstate__(self, state: Sequence[Any]) -> None:
        if any(part is not None for part in state[2:5]) or state[1] not in ('<', '>', '=', '|'):
            raise UnsafePickleError('it holds an array of a compound type; expected numbers or text')
        self.plain = self.plain.newbyteorder(state[1])


class _Array:
    """Placeholder for a numpy array while a pickle is read, for the same reason."""

    __slots__ = ('plain', )
    __hash__ = None  # type: ignore[assignment]

    def __setstate__(self, state: Sequence[Any]) -> None:
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

    A pickle can call nothing but the methods below. None of them trusts its arguments: a set of a huge `range`, for
    example, would fill the memory. Ordered dicts and the like become plain dicts, because a pickle could set their
    attributes.
    """

    def find_class(self, module: str, name: str) -> Any:
        home = {'__builtin__': 'builtins'}.get(module, module)
        home = 'numpy' if home.startswith('numpy.') else home
        if home == 'builtins' and name in ('complex', 'slice', 'range'):
            return getattr(builtins, name)
        # numpy 1 keeps its own in numpy.core, numpy 2 in numpy._core; each must read the other's files.
        allowed = {('builtins', 'set'): self._set, ('builtins', 'frozenset'): self._frozenset,
                   ('builtins', 'bytes'): self._no_bytes, ('builtins', 'bytearray'): self._bytearray,
                   ('_codecs', 'encode'): self._encode,
                   # Default factories; they are never called, so their names suffice.
                   ('builtins', 'list'): 'list', ('builtins', 'dict'): 'dict', ('builtins', 'int'): 'int',
                   ('collections', 'OrderedDict'): self._dict, ('collections', 'defaultdict'): self._defaultdict,
                   ('numpy', 'ndarray'): 'numpy.ndarray', ('numpy', 'dtype'): self._dtype,
                   ('numpy', '_reconstruct'): self._array, ('numpy', 'scalar'): self._scalar,
                   ('numpy', '_frombuffer'): self._frombuffer}
        if not all(part.isidentifier() for part in (*home.split('.'), *name.split('.'))):  # a text file, say
            raise pickle.UnpicklingError('it is not a pickle')
        if (home, name) not in allowed:
            raise UnsafePickleError(f'it names {module}.{name}; expected arrays and plain containers. Nothing was '
                                    'executed')
        return allowed[home, name]

    @staticmethod
    def _items(items: Any) -> Any:
        if not isinstance(items, (list, tuple)):
            raise UnsafePickleError(f'it makes a container of a {type(items).__name__}')
        return items

    def _set(self, items: Any = ()) -> set:
        return set(self._items(items))

    def _frozenset(self, items: Any = ()) -> frozenset:
        return frozenset(self._items(items))

    def _dict(self, items: Any = ()) -> dict:
        return dict(self._items(items))

    def _defaultdict(self, *_: Any) -> dict:
        return {}

    def _no_bytes(self) -> bytes:
        return b''

    def _bytearray(self, content: Any = b'', encoding: Any = 'latin-1') -> bytearray:
        return bytearray(content if isinstance(content, bytes) else self._encode(content, encoding))

    def _encode(self, text: Any, encoding: Any) -> bytes:
        if encoding not in ('latin1', 'latin-1') or not isinstance(text, str):
            raise UnsafePickleError(f'it encodes a {type(text).__name__} as {encoding!r}')
        return text.encode('latin-1')

    def _dtype(self, code: str, *_: Any) -> _Dtype:
        return _Dtype(code)

    def _array(self, *_: Any) -> _Array:
        return _Array()

    def _scalar(self, dtype: _Dtype, content: Any) -> Any:
        if dtype.plain.hasobject:
            raise UnsafePickleError('it holds a single value of an arbitrary type')
        return multiarray.scalar(dtype.plain, content)

    def _frombuffer(self, content: Any, dtype: _Dtype, shape: Any, order: Any) -> numpy.ndarray:
        array = numpy.frombuffer(content, dtype.plain).reshape(shape, order=order)
        return array.astype(array.dtype.newbyteorder('='), copy=False)  # as `_Array` does it


class _TensorUnpickler(_PlainUnpickler):
    """Also builds the tensors of MMAction2's dumps: each is a view of a storage, which PyTorch saved as a file."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ('torch.storage', '_load_from_bytes'):  # which would itself run what is in the bytes
            return self._storage
        return self._tensor if (module, name) == ('torch._utils', '_rebuild_tensor_v2') else super().find_class(
            module, name)

    def _storage(self, content: Any) -> Any:
        import torch
        storage = torch.load(io.BytesIO(content), map_location='cpu', weights_only=True)
        if not isinstance(storage, torch.storage.TypedStorage):
            raise UnsafePickleError(f'it makes a tensor of a {type(storage).__name__}')
        return storage

    def _tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Any:
        import torch
        last = offset + sum((length - 1) * step for length, step in zip(size, stride))
        if not isinstance(storage, torch.storage.TypedStorage) or min(offset, *size, *stride) < 0 or (
                math.prod(size) > len(storage) or last >= len(storage)):  # PyTorch would enlarge the storage
            raise UnsafePickleError('it makes a tensor that is larger than its content')
        return torch.empty(0, dtype=storage.dtype).set_(storage._untyped_storage, offset, size, stride)


def load_pickle(path: str | os.PathLike, *, tensors: bool = False) -> Any:
    """Read a pickle that holds only numpy arrays, plain containers, strings and numbers.

    Args:
        path: The file.
        tensors: Also read tensors, as in the predictions that MMAction2's `tools/test.py --dump` writes.

    Raises:
        FileNotFoundError: There is no such file.
        UnreadablePickleError: The file is truncated, is no pickle, names anything that could run code (then it is an
            `UnsafePickleError`), or asks for more memory than its content needs. Nothing is executed in any case.
    """
    path = existing_file(path, hint='make it with a converter (python -m dynstg_mm -h lists them, docs/datasets.md '
                         'explains them)')
    try:
        if not path.stat().st_size:
            raise EOFError('it is empty')
        with open(path, 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _parse(content, content, _TensorUnpickler if tensors else _PlainUnpickler)
    except OSError:
        raise
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        raise _unreadable(path, error, 'pickle file') from None


def parse_pickle(content: bytes, where: str) -> Any:
    """The same for a pickle within another file.

    Args:
        content: Its bytes.
        where: Names it in errors.

    Raises:
        UnreadablePickleError: As for `load_pickle`.
    """
    try:
        return _parse(content, io.BytesIO(content))
    except Exception as error:
        raise _unreadable(where, error, 'pickle') from None


def _parse(content: mmap.mmap | bytes, file: Any, reader: type[_PlainUnpickler] = _PlainUnpickler) -> Any:
    _check_sizes(content)
    return _without_placeholders(reader(file).load(), {})


def _unreadable(where: str | os.PathLike, error: Exception, what: str) -> UnreadablePickleError:
    if isinstance(error, UnsafePickleError):
        return UnsafePickleError(f'{where}: refused: {error}.')
    if isinstance(error, MemoryError):
        return UnreadablePickleError(f'{where}: asks for more memory than there is.')
    reason = ' '.join(str(error).split())
    return UnreadablePickleError(f'{where}: not a complete {what} ({type(error).__name__}: {reason}).')


def _check_sizes(content: mmap.mmap | bytes) -> None:
    """Check that no instruction claims more bytes than follow it, nor a memo entry far beyond the memo's end.

    The unpickler would allocate the memory first: ten bytes of a file can claim gigabytes.
    """
    position, memorized = 0, 0
    while position < len(content):
        code = content[position]
        position += 1
        argument = _ARGUMENT.get(code)
        if code == ord('.') or argument is None:  # the unpickler stops here too, with or without an error
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
            digits = content[start:position]
            entry = int(digits) if code == ord('p') else int.from_bytes(digits, 'little')
            if entry > memorized + 1000:
                raise ValueError(f'value {memorized} is memorized as entry {entry}')


def _without_placeholders(value: Any, done: dict[int, tuple[Any, Any]], depth: int = 0) -> Any:
    """Replace the placeholders in a value by arrays and dtypes; `done` keeps shared values shared."""
    if depth > _MAX_DEPTH:
        raise ValueError(f'containers are nested deeper than {_MAX_DEPTH}')
    if id(value) in done:
        return done[id(value)][1]

    def replace(part: Any) -> Any:
        if part is None or type(part) in (str, int, float, bool, bytes):
            return part
        return _without_placeholders(part, done, depth + 1)

    cls, result = type(value), value
    if cls in (list, dict) or cls is numpy.ndarray and value.dtype.hasobject:
        done[id(value)] = value, value  # it may contain itself
    if cls is list:
        value[:] = map(replace, value)
    elif cls is dict:
        for key in value:
            value[key] = replace(value[key])
    elif cls is numpy.ndarray and value.dtype.hasobject:
        for index in numpy.ndindex(value.shape):
            value[index] = replace(value[index])
    elif cls is tuple:
        result = tuple(map(replace, value))
    elif cls in (_Array, _Dtype):
        result = replace(value.plain)
    done[id(value)] = value, result
    return result
