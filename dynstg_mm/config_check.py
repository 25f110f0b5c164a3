"""Check a config before anything is built: types against the registries, options against the signatures.

MMEngine meets a wrong type or option only when it builds the part, as a KeyError or TypeError deep inside. Here each is
a `ConfigError` that names the field, as for `--cfg-options`, and the nearest names.
"""
from __future__ import annotations

import ast
import contextlib
import difflib
import importlib.util
import inspect
import reprlib
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import mmengine.registry
from mmaction.models.utils import Graph
from mmengine.config import Config
from mmengine.registry import DefaultScope, Registry
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from dynstg_mm.errors import ConfigError


class Part(NamedTuple):
    """How MMEngine builds a part of a config.

    Attributes:
        registry: Name of the registry of its `type`; None if it has no type.
        default: What is built without a `type`: a name, a class or a function.
        given: Arguments that MMEngine passes or converts.
        extra: Settings that MMEngine removes before it builds the part.
    """

    registry: str | None = None
    default: Any = None
    given: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


HOOK = Part('HOOKS', extra=('priority', ))
METRIC = Part('METRICS')
LOADER = Part(None, DataLoader, ('dataset', ), ('disable_subprocess_warning', 'num_batch_per_epoch'))
TEST_LOOP = ('runner', 'dataloader', 'evaluator')
# Settings at the top of a config.
TOP = dict(
    model=Part('MODELS'), train_dataloader=LOADER, val_dataloader=LOADER, test_dataloader=LOADER,
    train_cfg=Part('LOOPS', None, ('runner', 'dataloader'), ('by_epoch', )),
    val_cfg=Part('LOOPS', 'ValLoop', TEST_LOOP), test_cfg=Part('LOOPS', 'TestLoop', TEST_LOOP),
    val_evaluator=METRIC, test_evaluator=METRIC, custom_hooks=HOOK,
    optim_wrapper=Part('OPTIM_WRAPPERS', 'OptimWrapper', ('optimizer', ), ('constructor', 'paramwise_cfg')),
    param_scheduler=Part('PARAM_SCHEDULERS', None, ('optimizer', 'begin', 'end', 'T_max', 'epoch_length'),
                         ('convert_to_iter_based', )),
    visualizer=Part('VISUALIZERS', 'Visualizer', extra=('name', 'save_dir')),
    log_processor=Part('LOG_PROCESSORS', 'LogProcessor'), randomness=Part(None, Runner.set_randomness))
# Settings inside of a part.
NESTED = dict(
    {name: Part('MODELS') for name in ('backbone', 'neck', 'head', 'cls_head', 'roi_head', 'bbox_head', 'loss_cls',
                                       'losses', 'teacher', 'student')},
    data_preprocessor=Part('MODELS', 'BaseDataPreprocessor'),
    dataset=Part('DATASETS'), datasets=Part('DATASETS'), pipeline=Part('TRANSFORMS'), transforms=Part('TRANSFORMS'),
    sampler=Part('DATA_SAMPLERS', None, ('dataset', 'seed')),
    batch_sampler=Part('DATA_SAMPLERS', None, ('sampler', 'batch_size')),
    optimizer=Part('OPTIMIZERS', None, ('params', )), vis_backends=Part('VISBACKENDS', None, ('save_dir', )),
    init_cfg=Part('WEIGHT_INITIALIZERS', extra=('override', )), graph_cfg=Part(None, Graph))
BY_NAME = dict(outputs=Part('MODELS', given=('in_channels', )))  # settings of parts, each with a name
TEXT_TOO = ('teacher', 'student', 'dataset')  # may be the path of a config, or MMAction2's name of a skeleton layout
WORDS = {float: 'a number', int: 'a whole number', bool: 'True or False', str: 'text', list: 'a list',
         tuple: 'a list', dict: 'a dict', type(None): 'None'}
MANY = 20  # more names than these are not listed
# Where MMEngine sends its logs -> what it imports there, each set on its own being enough.
LOG_PACKAGES: dict[str, list[tuple[str, ...]]] = dict(
    TensorboardVisBackend=[('tensorboard', ), ('tensorboardX', )], WandbVisBackend=[('wandb', )],
    MLflowVisBackend=[('mlflow', )], ClearMLVisBackend=[('clearml', )], NeptuneVisBackend=[('neptune', )],
    DVCLiveVisBackend=[('dvclive', 'pygit2')], AimVisBackend=[('aim', )])


def check_config(cfg: Config) -> None:
    """Check the types and options of everything that MMEngine builds from a config.

    Args:
        cfg: The resolved config.

    Raises:
        ConfigError: A type is unknown, or an option is unknown, missing or of the wrong type.
    """
    try:
        with DefaultScope.overwrite_default_scope(cfg.get('default_scope') or 'mmengine'):
            _check_all(cfg)
    except ConfigError as error:
        raise ConfigError(f'{cfg.filename}: {error}' if cfg.filename else str(error)) from None


def _check_all(cfg: Config) -> None:
    if cfg.get('model') is None:
        raise ConfigError('model: missing; expected the settings of a model.')
    if isinstance(cfg.get('custom_hooks'), dict):
        raise ConfigError('custom_hooks: a dict; expected a list of dicts. A hook with a name is one of default_hooks, '
                          'such as default_hooks.early_stopping.type=EarlyStoppingHook.')
    for field, part in TOP.items():
        _check_top(cfg.get(field), field, part)
    backends = (cfg.get('visualizer') or {}).get('vis_backends') or ()
    names = [str(backend.get('name') or backend['type']) for backend in backends if isinstance(backend, dict)]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise ConfigError(f'visualizer.vis_backends.{index}: {name}: is duplicated; give one of them a name.')
    _check_named(cfg.get('default_hooks') or {}, 'default_hooks', HOOK)
    seed = (cfg.get('randomness') or {}).get('seed')
    if seed is not None and (not isinstance(seed, int) or not 0 <= seed < 2**32):
        raise ConfigError(f'randomness.seed: {seed!r}; expected a whole number from 0 to {2**32 - 1}.')


def _check_top(settings: Any, field: str, part: Part) -> None:
    if isinstance(settings, dict):
        if field.endswith('_evaluator') and 'metrics' in settings:
            return _check(settings['metrics'], f'{field}.metrics', part)
        if 'by_epoch' in settings and field == 'train_cfg':
            part = part._replace(default='EpochBasedTrainLoop' if settings['by_epoch'] else 'IterBasedTrainLoop')
        if _is_one_for_each_optimizer(settings, field):
            for name, own in settings.items():
                _check(own, f'{field}.{name}', part)
            return None
    return _check(settings, field, part)


def _is_one_for_each_optimizer(settings: dict[str, Any], field: str) -> bool:
    if field == 'optim_wrapper':
        return 'optimizer' not in settings
    return field == 'param_scheduler' and 'type' not in settings and all(
        isinstance(value, (dict, list)) for value in settings.values())


def _check(settings: Any, field: str, part: Part) -> None:
    """Check the settings of a part, or of each part in a list."""
    if isinstance(settings, str) and field.endswith(TEXT_TOO) and not field.endswith('_dataloader.dataset'):
        return
    if isinstance(settings, (str, int, float)):
        raise ConfigError(f'{field}: {settings!r}; expected a dict{" with its type" * bool(part.registry)}.')
    if isinstance(settings, (list, tuple)):
        for index, own in enumerate(settings):
            _check(own, f'{field}.{index}', part)
    elif isinstance(settings, dict):
        built = _built(settings, field, part)
        if built is not None:
            _check_options(settings, field, part, built)
            _check_class_weight(settings, field)
            for name, value in settings.items():
                if name in NESTED:
                    _check(value, f'{field}.{name}', NESTED[name])
                if name in BY_NAME and isinstance(value, dict):
                    _check_named(value, f'{field}.{name}', BY_NAME[name])


def _check_named(parts: Mapping[str, Any], field: str, part: Part) -> None:
    """Check parts that have a name each; one without a type is perhaps another one with its name mistyped."""
    for name, settings in parts.items():
        if isinstance(settings, dict) and 'type' not in settings:
            others = [other for other, own in parts.items() if isinstance(own, dict) and 'type' in own]
            hint = _nearest(name, others)
            if hint:
                raise ConfigError(f'{field}.{name}: unknown; {hint}. A new one needs its type.')
        _check(settings, f'{field}.{name}', part)


def _built(settings: dict[str, Any], field: str, part: Part) -> Callable[..., Any] | None:
    """The class or function of some settings; None if only MMEngine can find it, as `torchvision.resnet50`."""
    named = settings.get('type', part.default) if part.registry else part.default
    root: Registry | None = getattr(mmengine.registry, part.registry) if part.registry else None
    if root is not None and named is None:
        raise ConfigError(f'{field}.type: missing; expected the name of a {_singular(root)}.')
    if root is None or not isinstance(named, str):
        return named if callable(named) else None
    with root.switch_scope_and_registry(settings.get('_scope_')) as registry:
        built = registry.get(named)
        if built is None and '.' not in named:
            hint = _nearest(named, _registered(registry)) or 'install its package, or import it (custom_imports)'
            raise ConfigError(f'{field}.type: {named}: unknown {_singular(root)}; {hint}.')
    _check_log_package(getattr(built, '__name__', named), field)
    return built


def _check_log_package(name: str, field: str) -> None:
    choices = LOG_PACKAGES.get(name, [()])
    missing = [[module for module in modules if importlib.util.find_spec(module) is None] for modules in choices]
    if all(missing):
        raise ConfigError(f'{field}.type: {name} needs {missing[0][0]}, which is not installed; run pip install '
                          f'{" ".join(choices[0])}.')


def _check_class_weight(head: Mapping[str, Any], field: str) -> None:
    """Refuse more or fewer class weights than classes, which MMAction2's losses meet in the first step."""
    loss, classes = head.get('loss_cls'), head.get('num_classes')
    weights = loss.get('class_weight') if isinstance(loss, dict) else None
    if isinstance(weights, (list, tuple)) and classes and len(weights) != classes:
        raise ConfigError(f'{field}.loss_cls.class_weight: {len(weights)} numbers; expected one for each of {classes} '
                          'classes.')


def _singular(registry: Registry) -> str:
    return registry.name.replace('_', ' ')


def _registered(registry: Registry) -> list[str]:
    """Names of the types of a registry and its parents."""
    return [*registry.module_dict, *(_registered(registry.parent) if registry.parent else [])]


def _check_options(settings: Mapping[str, Any], field: str, part: Part, built: Callable[..., Any]) -> None:
    """Check the settings of a part against the signature of what is built from them."""
    known, is_open = _options(_functions(built))
    set_by_user = [name for name in settings if name not in ('_scope_', *part.extra, *(['type'] * bool(part.registry)))]
    name_of = getattr(built, '__name__', str(built))
    for name in set_by_user:
        if name not in known and not is_open:
            hint = _nearest(name, [*known, *part.extra], set(part.given))
            raise ConfigError(f'{field}.{name}: unknown option{f" of {name_of}" * bool(part.registry)}'
                              f'{hint and f"; {hint}"}.')
        if name in known and name not in part.given and not fits(settings[name], known[name], part.registry):
            raise ConfigError(f'{field}.{name}: {reprlib.repr(settings[name])}; expected '
                              f'{in_words(known[name].annotation)}.')
    own = list(inspect.signature(_functions(built)[0]).parameters) if _functions(built) else []
    for name in own:
        if name in known and known[name].default is known[name].empty and name not in (*settings, *part.given):
            raise ConfigError(f'{field}.{name}: missing; {name_of} needs it.')


def _nearest(name: str, known: Iterable[str], without: Iterable[str] = ()) -> str:
    """The names that are nearest to an unknown one, or all if they are few."""
    by_lower = {text.lower(): text for text in known if text not in without}
    near = [by_lower[text] for text in difflib.get_close_matches(name.lower(), by_lower, n=3)]
    near = near or sorted(by_lower.values())[:MANY] * (len(by_lower) <= MANY)
    return f'expected {"one of " * (len(near) > 1)}{", ".join(near)}' if near else ''


# Signatures

def _functions(built: Any) -> list[Callable[..., Any]]:
    """The `__init__` of a class and its base classes, in the order of the calls, or a function itself."""
    if not inspect.isclass(built):
        return [built]
    return [vars(cls)['__init__'] for cls in built.__mro__[:-1] if '__init__' in vars(cls)]


def _options(functions: Sequence[Callable[..., Any]]) -> tuple[dict[str, inspect.Parameter], bool]:
    """Options of the first function, with those of the functions that it passes `**kwargs` to.

    Returns:
        The options by name, and whether there may be others.
    """
    if not functions:
        return {}, False
    function = inspect.unwrap(functions[0])
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}, True
    hints = _hints(function)
    known = {value.name: value.replace(annotation=hints.get(value.name, value.empty)) for value in parameters
             if value.kind in (value.POSITIONAL_OR_KEYWORD, value.KEYWORD_ONLY) and value.name != 'self'}
    others = [value.name for value in parameters if value.kind == value.VAR_KEYWORD]
    decorator = getattr(functions[0], '__globals__', {}).get('__name__', '')
    is_open = function is not functions[0] and not decorator.startswith('dynstg_mm')  # a decorator may rename options
    for target, own in _targets(function, others[0]).items() if others else ():
        more, more_are_open = _target_options(target, function, functions[1:])
        more = {name: option for name, option in more.items() if name not in own}
        known, is_open = {**more, **known}, is_open or more_are_open
    return known, is_open


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for name, hint in function.__annotations__.items():
        with contextlib.suppress(Exception):  # a name that only a type checker imports
            own = types.SimpleNamespace(__annotations__={name: hint})
            hints |= typing.get_type_hints(own, function.__globals__)
    return hints


def _targets(function: Callable[..., Any], kwargs: str) -> dict[str, set[str]]:
    """What a function passes its `**kwargs` to, as in its source, and the options that it sets itself there.

    It is 'unknown' if it does anything else with them.
    """
    name = function.__qualname__.partition('.')[0]
    if name in PREFIXED or name == 'CheckpointHook':
        return {name: set()}
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return {'unknown': set()}
    targets: dict[str, set[str]] = {}
    explained = set()  # of `f(**kwargs)` and `f(**{**others, **kwargs})`
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            passed = [value for keyword in node.keywords if keyword.arg is None
                      for value in [keyword.value, *getattr(keyword.value, 'values', ())]]
            mine = {id(value) for value in passed if isinstance(value, ast.Name) and value.id == kwargs}
            if mine:
                targets[ast.unparse(node.func)] = {keyword.arg for keyword in node.keywords if keyword.arg}
            explained |= mine
        elif isinstance(node, ast.Attribute) and node.attr == 'get':
            explained.add(id(node.value))
    used = {id(node) for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == kwargs}
    return targets if targets and used <= explained else {'unknown': set()}


def _target_options(target: str, function: Callable[..., Any],
                    bases: Sequence[Callable[..., Any]]) -> tuple[dict[str, inspect.Parameter], bool]:
    """Options of what `_targets` has found."""
    if target in PREFIXED:
        return _prefixed_options(PREFIXED[target]), False
    if target == 'CheckpointHook':
        return _options([inspect.unwrap(Runner.save_checkpoint)])
    if target == 'super().__init__':
        return _options(bases)
    called = getattr(function, '__globals__', {}).get(target)
    return _options(_functions(called)) if callable(called) else ({}, True)


# MMAction2's backbones that distribute their options by prefix -> prefix -> modules of mmaction.models.utils.
PREFIXED = dict(STGCN=dict(gcn_=['unit_gcn'], tcn_=['unit_tcn', 'mstcn']),
                AAGCN=dict(gcn_=['unit_aagcn'], tcn_=['unit_tcn', 'mstcn']))


def _prefixed_options(prefixes: Mapping[str, Sequence[str]]) -> dict[str, inspect.Parameter]:
    """Options of MMAction2's blocks under their prefixes, without types, since a list has one value for each stage."""
    from mmaction.models import utils
    names = [prefix + name for prefix, modules in prefixes.items() for module in modules
             for name in ('type', *_options(_functions(getattr(utils, module)))[0])]
    return {name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in names}


# Values

def fits(value: Any, option: inspect.Parameter, registry: str | None = None) -> bool:
    """Whether a value may be one of an option; only plain values and simple types are judged.

    Only data sets have types of dicts and None that can be relied on. MMAction2 has `clip_len: int` for a dict, and
    `average_clips: dict` for a name.
    """
    strictly = registry == 'DATASETS'
    if not isinstance(value, (str, int, float, list, tuple)) and not strictly:
        return True
    if option.name == 'average_clips' or value is None and option.default is None:
        return True
    return _fits(value, option.annotation, strictly)


def _fits(value: Any, hint: Any, strictly: bool, in_union: bool = False) -> bool:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one, strictly, True) for one in args)
    if origin is typing.Literal:
        return value in args
    kind = _plain(hint)
    if not isinstance(value, (str, int, float, list, tuple, dict)) and value is not None:
        return True
    if kind in WORDS and (isinstance(value, dict) or value is None):
        return isinstance(value, kind)
    if kind in (list, tuple):
        if isinstance(value, str):
            return origin is Sequence and all(_fits(value, item, strictly) for item in args if strictly)
        return isinstance(value, (list, tuple)) and (not strictly or _items_fit(value, args))
    if kind is dict:
        return False
    if kind is float:
        return isinstance(value, (int, float))
    if kind is bool:
        return isinstance(value, int)
    if kind in (int, str):
        return isinstance(value, kind)
    # a tensor in `float | Tensor` is no plain value; elsewhere the constructor may convert one
    return not (in_union and inspect.isclass(kind) and not isinstance(value, kind))


def _items_fit(values: Sequence[Any], hints: Sequence[Any]) -> bool:
    """Whether the values of a list have the type that all have; one for each place is not judged."""
    hints = [hint for hint in hints if hint is not ...]
    return len(hints) != 1 or all(_fits(value, hints[0], True) for value in values)


def in_words(hint: Any) -> str:
    """A type of an annotation, in words."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return ' or '.join(dict.fromkeys(in_words(one) for one in args if _plain(one) in WORDS))
    if origin is typing.Literal:
        return f'one of {", ".join(map(repr, args))}'
    return WORDS.get(_plain(hint), str(hint))


def _plain(hint: Any) -> Any:
    kind = typing.get_origin(hint) or hint
    return {Sequence: list, Mapping: dict}.get(kind, kind)
