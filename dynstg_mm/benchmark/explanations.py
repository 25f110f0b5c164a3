"""The file of check-explanations: whether the explanations of models are true."""
import os
from typing import Any

from dynstg_mm.errors import ResultsError
from dynstg_mm.files import read_json

NUMBER, COUNT = dict(type='number'), dict(type='integer', minimum=0)
MEASURES = dict(clips=COUNT, area=NUMBER, random_area=NUMBER, lower=NUMBER, holds=NUMBER, correlation=NUMBER,
                seconds=NUMBER)
FOUND = dict.fromkeys(('clips', 'recognised', 'joint', 'limb'), COUNT)
SCHEMA: dict[str, Any] = dict(type='object', required=['models', 'joints'], properties=dict(
    models=dict(type='object', additionalProperties=dict(type='object', required=list(MEASURES), properties=MEASURES)),
    joints=dict(type='object', additionalProperties=dict(type='object', required=list(FOUND), properties=FOUND))))


def read_checks(path: str | os.PathLike) -> dict[str, Any]:
    """What check-explanations wrote.

    Raises:
        ResultsError: A field is missing or wrong.
    """
    return read_json(path, SCHEMA, ResultsError)
