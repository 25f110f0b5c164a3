"""The file of check-answers: how good answers about people left out of the training are."""
import os
from typing import Any

from dynstg_mm.errors import ResultsError
from dynstg_mm.files import read_json

OWN = 'as they are'  # the recordings of the cross-validation
CODES = ('not_in_set', 'changes', 'unlike_training')  # doubts that need a model
NUMBER, COUNT, TEXT = dict(type='number'), dict(type='integer', minimum=0), dict(type='string')
INTERVAL = dict(type='array', items=NUMBER, minItems=3, maxItems=3)  # value, low, high
DOUBTED = dict.fromkeys(('answers', *CODES, 'any'), COUNT)
ROW = dict(recordings=TEXT, people=COUNT, count=COUNT, macro_f1=INTERVAL, accuracy=INTERVAL, covered=NUMBER,
           refused=NUMBER, **{side: dict(type='object', required=list(DOUBTED), properties=DOUBTED)
                              for side in ('right', 'wrong')})
STRANGERS = dict(recordings=COUNT, features=NUMBER, gait=NUMBER)
SCHEMA: dict[str, Any] = dict(type='object', additionalProperties=dict(
    type='object', required=['rows', 'strangers'], properties=dict(
        rows=dict(type='array', items=dict(type='object', required=list(ROW), properties=ROW)),
        strangers=dict(type='object', additionalProperties=dict(
            type='object', required=list(STRANGERS), properties=STRANGERS)))))


def read_answers(path: str | os.PathLike) -> dict[str, Any]:
    """What check-answers wrote: model -> `rows`, `strangers`.

    Raises:
        ResultsError: A field is missing or wrong.
    """
    return read_json(path, SCHEMA, ResultsError)
