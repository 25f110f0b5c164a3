"""What the package says about one person in one recording, and the JSON file that holds it."""
from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from dynstg_mm.files import check_fields, read_json, write_json

FORMAT = 'dynstg_mm answer 1'
SEVERITIES = ('note', 'doubt', 'refusal')

TEXT, NUMBER, INTEGER, FLAG = (dict(type=name) for name in ('string', 'number', 'integer', 'boolean'))
TEXT_OR_NULL, NUMBER_OR_NULL = dict(type=['string', 'null']), dict(type=['number', 'null'])
TEXTS, NUMBERS = dict(type='array', items=TEXT), dict(type='array', items=NUMBER)
WINDOW = dict(type='object', required=['start', 'end', 'probabilities'], properties=dict(
    start=NUMBER, end=NUMBER, probabilities=NUMBERS, short=FLAG, doubts=TEXTS))
DOUBT = dict(type='object', required=['code', 'severity', 'text'], properties=dict(
    code=TEXT, severity=dict(enum=SEVERITIES, description=f'one of {", ".join(SEVERITIES)}'), text=TEXT,
    value=NUMBER_OR_NULL, limit=NUMBER_OR_NULL))
SCHEMA: dict[str, Any] = dict(type='object', required=['format', 'clip', 'model', 'classes', 'scores'], properties=dict(
    format=dict(const=FORMAT, description=f'{FORMAT!r}, as predict writes it'),
    clip=TEXT, file=TEXT_OR_NULL, person=dict(INTEGER, minimum=0), model=TEXT, classes=TEXTS, scores=NUMBERS,
    probabilities=NUMBERS, calibrated=FLAG, predicted=TEXT_OR_NULL, prediction_set=dict(type=['array', 'null'],
                                                                                        items=TEXT),
    coverage=NUMBER_OR_NULL, windows=dict(type='array', items=WINDOW), doubts=dict(type='array', items=DOUBT),
    scale=dict(type=['object', 'null'], required=['target', 'expected', 'median', 'low', 'high']),
    duration=NUMBER_OR_NULL, rate=NUMBER_OR_NULL, frames=INTEGER, lost=NUMBER_OR_NULL, layout=TEXT_OR_NULL,
    estimator=TEXT_OR_NULL, gait=dict(type='array', items=dict(type='object')), unlike=dict(type='object'),
    notes=TEXTS, versions=dict(type='object', additionalProperties=TEXT), command=TEXT, error=TEXT_OR_NULL))


@dataclass
class WindowAnswer:
    """The answer for one window of a recording.

    Attributes:
        start, end: Seconds from the beginning of the recording. probabilities: Of each class, calibrated like those of
        the recording. short: It is shorter than a window of the model, as the recording is. doubts: Codes of
        what is wrong within it.
    """

    start: float
    end: float
    probabilities: list[float]
    short: bool = False
    doubts: list[str] = field(default_factory=list)


@dataclass
class Doubt:
    """A reason not to believe an answer.

    Attributes:
        code: Short name, such as `too_short`. severity: 'note' changes nothing, 'doubt' weakens the answer, and with a
        'refusal' no class is named. text: One plain sentence, shown to people. value, limit: What was measured and what
        was expected, if it is a number.
    """

    code: str
    severity: str
    text: str
    value: float | None = None
    limit: float | None = None


@dataclass
class Answer:
    """What a model says about one person in one recording.

    Attributes:
        clip: Name of the recording. file: Where it was read from, if it was a file. person: 0 for the one whom the
        recording is about, by `gait.person.person_rank`; 1, 2, ... for the others, in that order. model: Name of the
        model. classes: Names of the classes. scores: Mean softmax over the windows of the config's test pipeline, which
        are the scores that testing gives. probabilities: The calibrated scores; equal to `scores` if `calibrated` is
        False. predicted: Name of the class, or None without an answer. prediction_set: Classes that cannot be ruled out
        at the nominal `coverage`; None without calibration. scale: If the classes are the grades of a scale, its name
        (`target`), the `expected` grade as a number, the `median` grade, and the lowest and highest grade, `low` and
        `high`, of the middle 90 % of the probability. windows: The answer over time. doubts: Reasons not to believe it.
        duration: Seconds. rate: Frames per second. frames: Number of frames. lost: Share of the joints that are lost.
        layout: Skeleton of the recording. estimator: Program that found the keypoints, if it is known. gait: Gait
        parameters. unlike: How unlike the training walks the recording is. notes: What had to be decided to read the
        file, such as which axis is up. versions: Of the packages. command: The command line, if there was one. error:
        Why there is no answer.
    """

    clip: str
    model: str
    classes: list[str]
    scores: list[float] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    predicted: str | None = None
    calibrated: bool = False
    prediction_set: list[str] | None = None
    coverage: float | None = None
    scale: dict[str, Any] | None = None
    file: str | None = None
    person: int = 0
    windows: list[WindowAnswer] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    duration: float | None = None
    rate: float | None = None
    frames: int = 0
    lost: float | None = None
    layout: str | None = None
    estimator: str | None = None
    gait: list[dict[str, Any]] = field(default_factory=list)
    unlike: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    command: str = ''
    error: str | None = None

    def add_doubt(self, code: str, severity: str, text: str, value: float | None = None,
                  limit: float | None = None) -> None:
        """Add a doubt; after a refusal no class is named."""
        self.doubts.append(Doubt(code, severity, text, value, limit))
        if severity == 'refusal':
            self.predicted = None

    def to_json(self) -> dict[str, Any]:
        """The answer as a dict that follows `SCHEMA`; a number that is not finite is null."""
        return dict(format=FORMAT, **_finite(asdict(self)))

    @classmethod
    def from_json(cls, content: dict[str, Any], where: str | os.PathLike = 'answer') -> Answer:
        """The answer that `to_json` has turned into a dict.

        Args:
            content: The dict.
            where: Names the file in errors.

        Raises:
            DataError: A field is missing or wrong.
        """
        check_fields(content, SCHEMA, where)
        known = {part.name for part in fields(cls)}
        answer = cls(**{name: value for name, value in content.items() if name in known})
        answer.windows = [WindowAnswer(**window) for window in content.get('windows', ())]
        answer.doubts = [Doubt(**doubt) for doubt in content.get('doubts', ())]
        return answer

    def write(self, path: str | os.PathLike) -> None:
        """Write the answer as a JSON file, whole or not at all."""
        write_json(path, self.to_json(), ensure_ascii=False, allow_nan=False)

    @classmethod
    def read(cls, path: str | os.PathLike) -> Answer:
        """Read the JSON file of an answer.

        Raises:
            DataError, FileNotFoundError: There is no such file, it is not JSON, or a field is missing or wrong.
        """
        return cls.from_json(read_json(path, SCHEMA), path)


def _finite(value: Any) -> Any:
    """Plain containers and numbers of Python, with null for a number that is not finite."""
    if isinstance(value, dict):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    if hasattr(value, 'tolist'):  # NumPy's numbers and arrays
        return _finite(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
