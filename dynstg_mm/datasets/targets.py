"""Scores beside the class: grades of an ordered scale, numbers, further classes; how they are described and encoded.

An annotation file describes its targets, and each clip has their values; a missing one is None or left out:

    dict(targets=dict(updrs_gait=dict(type='ordinal', grades=[0, 1, 2, 3]), speed=dict(type='numeric', unit='m/s')),
         annotations=[dict(targets=dict(updrs_gait=2, speed=None), ...), ...], ...)

The value of an ordinal or nominal target is one of its grades, not their number.
"""
from __future__ import annotations

import dataclasses
import math
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.text import few

MISSING = ('', 'na', 'n/a', 'nan')  # cells of a table
NUMBER = ('value', 'low', 'high')
TYPES = ('ordinal', 'nominal', 'numeric')
NUMBERS = (int, float, np.integer, np.floating)


class NoTargetValue(DataError):
    """No clip of a split has a value of any target."""


@dataclasses.dataclass(frozen=True)
class Target:
    """What a model learns about a clip.

    Args:
        name: Its name in files and tables.
        type: 'ordinal' for grades in order, 'nominal' for classes without one, 'numeric' for a number.
        grades: The grades in their order, names or numbers; none for a numeric target.
        low, high: The possible range of a numeric target, both included.
        unit: The unit of a numeric target.
        from_label: The clip's class number is the number of the grade, and the annotation needs no `targets`.
    """

    name: str
    type: str
    grades: tuple[str | float, ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ''
    from_label: bool = False

    @classmethod
    def of(cls, name: object, settings: object, where: str = 'targets') -> Target:
        """Read and check the description of a target.

        Args:
            name: Its name.
            settings: A dict of the other fields.
            where: Names the place in errors.

        Raises:
            ConfigError: A field is missing, unknown or wrong.
        """
        if not isinstance(name, str) or not name.isidentifier():
            raise ConfigError(f'{where}: the name {_shown(name)}; expected letters, digits and _, such as updrs_gait.')
        where = f'{where}.{name}'
        if not isinstance(settings, Mapping):
            raise ConfigError(f'{where}: {_shown(settings)}; expected a dict such as dict(type="ordinal", '
                              'grades=[0, 1, 2, 3]) or dict(type="numeric").')
        fields = {field.name for field in dataclasses.fields(cls)} - {'name'}
        unknown = [field for field in settings if field not in (*fields, '_scope_')]  # of MMEngine, if inherited
        if unknown:
            raise ConfigError(f'{where}.{_shown(unknown[0])}: unknown; expected some of {", ".join(sorted(fields))}.')
        if not isinstance(settings.get('type'), str) or settings['type'] not in TYPES:
            raise ConfigError(f'{where}.type: {_shown(settings.get("type"))}; expected one of {", ".join(TYPES)}.')
        grades = _grades(settings.get('grades', ()), f'{where}.grades', settings['type'] == 'numeric')
        low, high = (settings.get(end) for end in ('low', 'high'))
        for end in (low, high):
            if end is not None and (not _is_number(end) or settings['type'] != 'numeric'):
                raise ConfigError(f'{where}: low, high: {_shown(low)}, {_shown(high)}; expected numbers, of a numeric '
                                  'target.')
        if low is not None and high is not None and not low < high:
            raise ConfigError(f'{where}: low, high: {low!r}, {high!r}; expected low below high.')
        if settings.get('from_label') and settings['type'] == 'numeric':
            raise ConfigError(f'{where}.from_label: a class number is no measurement; expected ordinal or nominal.')
        return cls(name, settings['type'], grades, low, high, str(settings.get('unit') or ''),
                   bool(settings.get('from_label')))

    def to_dict(self) -> dict[str, Any]:
        """The description without the name, as `of` reads it."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)
                 if field.name != 'name' and getattr(self, field.name) != field.default}
        return {field: list(value) if field == 'grades' else value for field, value in given.items()}

    @property
    def is_numeric(self) -> bool:
        """Whether it is a number."""
        return self.type == 'numeric'

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what a model scores: the grades, or of a number its value and the ends of its 90 % interval."""
        return NUMBER if self.is_numeric else self.classes

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the grades."""
        return tuple(f'{grade:g}' if _is_number(grade) else str(grade) for grade in self.grades)

    def encode(self, value: object) -> float:
        """The number of the grade, or the number itself; NaN for a missing value.

        Raises:
            DataError: It is neither missing nor a value of this target.
        """
        if value is None or isinstance(value, (float, np.floating)) and math.isnan(value):
            return math.nan
        if not self.is_numeric:
            for index, grade in enumerate(self.grades):
                alike = _is_number if _is_number(grade) else _is_text
                if alike(value) and grade == value:
                    return float(index)
            hint = ' as a number, not as text' * (isinstance(value, str) and value.strip() in self.classes)
            raise DataError(f'{_shown(value)}; expected one of {", ".join(self.classes)}{hint}, or None if it is '
                            'missing.')
        low, high = -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high
        if not _is_number(value) or not low <= value <= high:
            ends = '' if self.low is self.high is None else f' from {low:g} to {high:g}'
            raise DataError(f'{_shown(value)}; expected a number{ends}, or None if it is missing.')
        return float(value)

    def parse(self, text: str) -> str | float | None:
        """The value that a cell of a table holds; an empty cell, NA or NaN is a missing value.

        Raises:
            DataError: It is no value of this target.
        """
        text = text.strip()
        if text.lower() in MISSING and text not in self.classes:
            return None
        if not self.is_numeric:
            found = [grade for grade, name in zip(self.grades, self.classes) if name == text]
            value: Any = found[0] if found else text
        else:
            value = text
        if value is text and (self.is_numeric or all(map(_is_number, self.grades))):
            try:
                value = float(text)
            except ValueError:
                expected = 'a number with a point' if self.is_numeric else f'one of {", ".join(self.classes)}'
                raise DataError(f'{text!r}; expected {expected}, or an empty cell if it is missing.') from None
        self.encode(value)
        return value

    def value_of(self, clip: Mapping[str, Any]) -> float:
        """The encoded value of an annotation, see `encode`.

        Raises:
            DataError: The value is wrong.
        """
        if self.from_label:
            label = int(clip['label'])
            if label >= len(self.grades):
                raise DataError(f'the label is {label}; expected 0 to {len(self.grades) - 1} '
                                f'({", ".join(self.classes)}).')
            return float(label)
        values = clip.get('targets')
        return self.encode(values.get(self.name) if isinstance(values, Mapping) else None)


def read_targets(described: object, where: str = 'targets') -> dict[str, Target]:
    """Targets of their descriptions by name.

    Raises:
        ConfigError: There are none, or one is wrong.
    """
    if not isinstance(described, Mapping) or not described:
        raise ConfigError(f'{where}: {_shown(described)}; expected a dict of a description for each target.')
    return {name: Target.of(name, settings, where) for name, settings in described.items()}


def targets_of_texts(texts: Iterable[str], where: str = '--score') -> dict[str, Target]:
    """Targets of `NAME=GRADE,GRADE,...`, lowest first, and `NAME=number`.

    Raises:
        ConfigError: A text is not of this form, or a name is given twice.
    """
    targets: dict[str, Target] = {}
    for text in texts:
        name, _, grades = text.partition('=')
        if not grades or name in targets:
            raise ConfigError(f'{where}: {text}; expected NAME=GRADE,GRADE,... or NAME=number, each name once, such as '
                              'updrs_gait=0,1,2,3 or speed=number.')
        parts = grades.split(',')
        try:
            own: list[Any] = [int(part) if part.isdecimal() else float(part) for part in parts]
        except ValueError:
            own = parts
        settings = dict(type='numeric') if grades == 'number' else dict(type='ordinal', grades=own)
        targets[name] = Target.of(name, settings, where)
    return targets


def choose_targets(asked: object, known: Mapping[str, Target]) -> dict[str, Target]:
    """The targets that a config asks for.

    Args:
        asked: Names of targets that the annotation file describes, or a description for each.
        known: The targets of the file.

    Raises:
        ConfigError: A target is unknown or wrong, or the file describes it in another way.
    """
    if isinstance(asked, Mapping):
        chosen = read_targets(asked)
        for name, target in chosen.items():
            theirs = known.get(name)
            if theirs and not target.from_label and (theirs.type, theirs.classes) != (target.type, target.classes):
                raise ConfigError(f'targets.{name}: {_described(target)} in the config; {_described(theirs)} in the '
                                  'file.')
        return chosen
    names = [asked] if isinstance(asked, str) else list(asked) if isinstance(asked, Sequence) else []
    if not names:
        raise ConfigError(f'targets: {_shown(asked)}; expected names of targets, or a dict of descriptions.')
    for name in names:
        if name not in known:
            found = f'it has {few(list(known))}' if known else 'it describes none'
            raise ConfigError(f'targets: {name}: not described in the file ({found}); describe it in the config, such '
                              f'as targets=dict({name}=dict(type="ordinal", grades=[0, 1, 2, 3])).')
    return {name: known[name] for name in names}


def is_separate(targets: Mapping[str, Target]) -> bool:
    """Whether targets have scores of their own; a single one of grades has those of the classes."""
    return len(targets) > 1 or any(target.is_numeric for target in targets.values())


def target_faults(clip: Mapping[str, Any], targets: Iterable[Target], complete: bool) -> Iterable[tuple[str, str]]:
    """Field and message of every wrong value of an annotation.

    Args:
        clip: The annotation.
        targets: Targets to check.
        complete: Whether these are all: another name in the annotation is then a mistake.
    """
    targets, values = list(targets), clip.get('targets')
    if values is not None and not isinstance(values, Mapping):
        yield 'targets', f'{_shown(values)}; expected a dict of a value for each target.'
        return
    for name in values or () if complete else ():
        names = [target.name for target in targets]
        if name not in names:
            yield f'targets.{name}', f'not described in the file; expected some of {", ".join(names)}.'
    for target in targets:
        try:
            target.value_of(clip)
        except DataError as error:
            yield f'targets.{target.name}', str(error)


def _grades(grades: object, where: str, numeric: bool) -> tuple[str | float, ...]:
    if not isinstance(grades, (list, tuple)) or numeric and grades:
        expected = 'none, since the target is a number' if numeric else 'a list, in the order of the scale'
        raise ConfigError(f'{where}: {_shown(grades)}; expected {expected}.')
    if numeric:
        return ()
    plain = [_is_number(grade) or isinstance(grade, str) and grade != '' and grade.isprintable() for grade in grades]
    if len(grades) < 2 or not all(plain) or len(set(map(str, grades))) < len(grades):
        raise ConfigError(f'{where}: {_shown(list(grades))}; expected at least two different names or numbers.')
    if all(map(_is_number, grades)) and list(grades) != sorted(grades):
        raise ConfigError(f'{where}: {_shown(list(grades))}; expected rising numbers.')
    return tuple(grades)


def _described(target: Target) -> str:
    return f'{target.type} {", ".join(target.classes)}'.strip()


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def _is_number(value: object) -> TypeGuard[float]:
    if not isinstance(value, NUMBERS) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond any float
        return False


def _shown(value: object) -> str:
    try:
        return ' '.join(reprlib.repr(value.item() if isinstance(value, np.generic) else value).split())
    except ValueError:  # Python prints no number of more than 4300 digits
        return 'a huge number'
