"""Find shipped files, write files whole or not at all, and read JSON with a schema."""
import contextlib
import difflib
import errno
import glob
import json
import os
import pickle
import reprlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from dynstg_mm.errors import ConfigError, DataError, UserError

if TYPE_CHECKING:
    from jsonschema import ValidationError

TYPES = dict(object='names with values', array='a list', string='text', integer='a whole number', number='a number',
             boolean='true or false', null='null')  # of JSON, in words
SHIPPED = 'dynstg_mm::'  # prefix of the names of files that this package ships


def shipped_configs() -> Path:
    """Folder of the shipped configs and weights: `.mim/configs` of an installation, or `configs` of a checkout."""
    package = Path(__file__).parent
    installed = package / '.mim' / 'configs'
    return installed if installed.is_dir() else package.parent / 'configs'


def resolve_shipped(path: str | os.PathLike) -> Path:
    """Turn a name such as `dynstg_mm::dynstg_mamba/pretrained/x.pth` into a path; any other path is returned unchanged.

    Args:
        path: A path, or `dynstg_mm::` and the place below the shipped `configs` folder.

    Raises:
        ConfigError: No such file is shipped.
    """
    text = os.fspath(path)
    if not text.startswith(SHIPPED):
        return Path(text)
    file = shipped_configs() / text.removeprefix(SHIPPED)
    if file.is_file():
        return file
    raise ConfigError(f'{text}: no such file is shipped; {nearest_shipped(text)}.')


def nearest_shipped(path: str | os.PathLike) -> str:
    """What to do about a missing file, in words: the shipped file that is nearest by name, and where the others are."""
    folder, name = shipped_configs(), os.fspath(path).removeprefix(SHIPPED)
    files = [file for suffix in ('py', 'pth', 'yml') for file in folder.rglob(f'*.{suffix}')]
    files = [file for file in files if file.suffix == Path(name).suffix] or files
    names = [file.relative_to(folder).as_posix() for file in files]
    names = [other for other in names if other.startswith('_base_') <= name.startswith('_base_')]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0)
    return f'expected a name such as {SHIPPED}{near[0]}; all are in {folder}' if near else f'{folder} has no configs'


def missing_file_hint(path: str | os.PathLike, otherwise: str = '') -> str:
    """What to do about a missing file, in words.

    Args:
        path: The path.
        otherwise: What to do if its folder has no file of nearly the same name; by default, where the path starts.
    """
    path = Path(path)
    names = os.listdir(path.parent) if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, [name for name in names if Path(name).suffix == path.suffix], n=1)
    if near or otherwise:
        return f'expected a name such as {path.parent / near[0]}' if near else otherwise
    if not path.is_absolute():
        return f'relative paths start at {os.getcwd()}'
    missing = next((folder for folder in reversed(path.parents) if not folder.is_dir()), None)
    return f'there is no folder {missing}' if missing else f'{path.parent} has no file of this name'


def existing_file(path: str | os.PathLike, what: str = 'file', hint: str = '') -> Path:
    """The path of a file that exists.

    Args:
        path: The path.
        what: What kind of file is expected, for the message.
        hint: What to do about a missing file, for the message; by default as of `missing_file_hint`.

    Raises:
        FileNotFoundError, IsADirectoryError: There is no such file, or it is a folder.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(f'{path}: is a folder; expected {"an" if what[0] in "aeio" else "a"} {what}.')
    if not os.path.exists(path):
        raise FileNotFoundError(f'{path}: no such {what}; {hint or missing_file_hint(path)}.')
    return Path(path)


def read_json(path: str | os.PathLike, schema: dict[str, Any], error: type[UserError] = DataError) -> Any:
    """Read a JSON file and check it against a JSON schema (draft 2020-12).

    Args:
        path: The file.
        schema: The schema; a `description` in it is used as the expected value in messages.
        error: Class of the error.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: It is not JSON, or a field is missing or wrong; of the given class.
    """
    path = existing_file(path)
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (ValueError, RecursionError) as reason:
        raise error(f'{path}: not a complete JSON file ({reason}).') from None
    check_fields(content, schema, path, error)
    return content


def check_fields(content: Any, schema: dict[str, Any], path: str | os.PathLike,
                 error: type[UserError] = DataError) -> None:
    """Check the content of a file against a JSON schema (draft 2020-12).

    Args:
        content: The content.
        schema: The schema; a `description` in it is used as the expected value in messages.
        path: The file, for the message.
        error: Class of the error.

    Raises:
        UserError: A field is missing or wrong; of the given class.
    """
    from jsonschema import Draft202012Validator
    fault = next(Draft202012Validator(schema).iter_errors(content), None)  # in the schema's order
    if fault is None:
        return
    field = [*map(str, fault.absolute_path)]
    if fault.validator == 'required':
        field += [next(name for name in fault.validator_value if name not in fault.instance)]
    if fault.validator == 'additionalProperties':
        unknown = [name for name in fault.instance if name not in fault.schema.get('properties', {})]
        value = f'unknown field {", ".join(map(repr, unknown))}'
    else:
        value = 'missing' if fault.validator == 'required' else reprlib.repr(fault.instance)
    where = f'{path}: {".".join(field)}' if field else str(path)
    raise error(f'{where}: {value}; expected {_expected(fault)}.')


def _expected(fault: 'ValidationError') -> str:
    """What the schema expects, in words."""
    value, schema = fault.validator_value, fault.schema
    if fault.validator == 'required':
        schema = schema.get('properties', {}).get(next(name for name in value if name not in fault.instance), {})
    if fault.validator == 'additionalProperties':
        unknown = next(name for name in fault.instance if name not in schema['properties'])
        near = difflib.get_close_matches(unknown, schema['properties'], n=1)
        if near:
            return near[0]
    if 'description' in schema:
        return schema['description']
    if fault.validator in ('type', 'required'):
        types = schema.get('type', [])
        return ' or '.join(TYPES[name] for name in ([types] if isinstance(types, str) else types)) or 'it'
    if fault.validator in ('minItems', 'minProperties'):
        return f'at least {value}'
    return f'{fault.validator} {value}'


@contextlib.contextmanager
def atomic_open(path: str | os.PathLike, mode: str = 'w', **kwargs: Any) -> Iterator[IO[Any]]:
    """Open a file for writing; it is replaced if the block succeeds, and left unchanged otherwise.

    The new content goes to a hidden file beside it. Each process has its own hidden file, since the ranks of a
    distributed run may write the same file; the next writer removes those that killed processes left.

    Args:
        path: The file.
        mode: Mode of `open`.
        **kwargs: Further arguments of `open`.
    """
    path = Path(path)
    if path.is_dir():  # before the long work
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    host = socket.gethostname()
    for left_over in path.parent.glob(glob.escape(f'.{path.name}.{host}.') + '*.part'):
        if not _alive(int(left_over.suffixes[-2][1:])):
            left_over.unlink(missing_ok=True)
    partial = path.with_name(f'.{path.name}.{host}.{os.getpid()}.part')
    try:
        file = open(partial, mode, **kwargs)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        try:
            os.replace(partial, path)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(path)) from None
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def write_json(path: str | os.PathLike, content: Any, **options: Any) -> None:
    """Write a JSON file, replacing `path` whole or not at all, and make its folder.

    Args:
        path: The file.
        content: What `json.dump` takes.
        **options: Further arguments of `json.dump`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_open(path, encoding='utf-8', errors='backslashreplace') as file:
        json.dump(content, file, **options)


def dump_pickle(data: Any, path: str | os.PathLike) -> None:
    """Write `data` as a pickle, replacing `path` whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_open(path, 'wb') as file:
        pickle.dump(data, file, protocol=4)
