"""What is wrong with a config, in one line, from the error that building a part of it has raised."""
import difflib
import inspect
import re
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

LIBRARIES = ('inspect', 'numpy', 'torch')  # to which MMEngine hands settings of the config
# Where MMEngine reads the config or hands its settings on.
BUILDERS = ('mmengine.config', 'mmengine.registry', 'mmengine.optim', 'mmengine.runner.runner', 'mmengine.runner.utils')


def explain(error: Exception) -> str | None:
    """Explain an error that a setting of the config has caused.

    Args:
        error: What was raised.

    Returns:
        One line that names the type and the setting, or None if the config is not to blame.
    """
    if not isinstance(error, (KeyError, TypeError, ValueError, AssertionError, ImportError)):
        return None
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    building = next((frame for frame in reversed(frames) if frame.f_code.co_name == 'build_from_cfg'), None)
    if building is not None:
        settings: Any = building.f_locals.get('cfg')
        if isinstance(error, KeyError) and frames[-1] is building:
            return _unknown_type(settings, building.f_locals['registry'])
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if unknown and unknown[1] in set(_keys(settings)):
            known = _parameters(building.f_locals.get('obj_cls')) if unknown[1] in settings else []
            return f'{_name(settings)}: {unknown[1]}: unknown option{_expected(unknown[1], known)}.'
    last = next((frame for frame in reversed(frames) if _module(frame).partition('.')[0] not in LIBRARIES), None)
    optimizer = getattr(last and last.f_locals.get('self'), 'optimizer_cfg', None)
    if optimizer and str(error).startswith('None is not'):  # MMEngine asks for the signature of an unknown optimizer
        from mmaction.registry import OPTIMIZERS
        return _unknown_type(optimizer, OPTIMIZERS)
    if last is None or not _module(last).startswith(BUILDERS) and not _module(frames[-1]).startswith('mmengine.runner'):
        return None
    message = str(error.args[0] if isinstance(error, KeyError) and error.args else error) or repr(error)
    return message if building is None or last is not building else f'{_name(settings)}: {message}'


def _module(frame: FrameType) -> str:
    return frame.f_globals.get('__name__', '')


def _name(settings: dict[str, Any]) -> str:
    return getattr(settings.get('type'), '__name__', str(settings.get('type')))


def _unknown_type(settings: dict[str, Any], registry: Any) -> str:
    if 'type' not in settings:
        return f'type: missing in {dict(settings)}; expected the name of one of the {registry.name}s.'
    hint = _expected(_name(settings), _registered(registry), 3)
    return f'type: {_name(settings)}: unknown {registry.name}{hint or "; if it is yours, import it (custom_imports)"}.'


def _expected(name: str, known: list[str], most: int = 40) -> str:
    by_lower = {text.lower(): text for text in known}
    near = [by_lower[text] for text in difflib.get_close_matches(name.lower(), by_lower, n=3)] or sorted(known)
    if not near or len(near) > most:
        return ''
    return f'; expected {"one of " if len(near) > 1 else ""}{", ".join(near)}'


def _registered(registry: Any) -> list[str]:
    """Names of the types of a registry and its parents."""
    names = list(registry.module_dict)
    return names + (_registered(registry.parent) if registry.parent else [])


def _parameters(built: Any) -> list[str]:
    """Names of the options of a class, those of its base classes included, or of a function."""
    functions = [vars(cls).get('__init__') for cls in built.__mro__[:-1]] if inspect.isclass(built) else [built]
    names = [name for function in functions if callable(function)
             for name, value in inspect.signature(function).parameters.items()
             if value.kind in (value.POSITIONAL_OR_KEYWORD, value.KEYWORD_ONLY)]
    return [name for name in dict.fromkeys(names) if name != 'self']


def _keys(settings: Any) -> Iterator[str]:
    """All keys in nested settings."""
    if isinstance(settings, dict):
        yield from settings
    for value in settings.values() if isinstance(settings, dict) else settings if isinstance(settings, list) else ():
        yield from _keys(value)
