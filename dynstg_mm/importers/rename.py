"""Joints under the names that a user gives them."""
import json
import os
from collections.abc import Mapping
from dataclasses import replace

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.files import existing_file
from dynstg_mm.importers.recording import Recording
from dynstg_mm.skeletons import get_layout
from dynstg_mm.text import few


def load_joint_names(path: str | os.PathLike) -> dict[str, str]:
    """A JSON file of the option `--joint-names`: name in the recordings -> name of a joint.

    Raises:
        ConfigError: The file is something else.
    """
    try:
        names = json.loads(existing_file(path).read_bytes())
    except ValueError:
        raise ConfigError(f'{path}: not a readable JSON file.') from None
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise ConfigError(f'{path}: expected an object of names, such as {{"Knie_L": "left_knee"}}.')
    return names


def renamed(recording: Recording, names: Mapping[str, str] | None, where: str | os.PathLike) -> Recording:
    """The recording with joints under other names.

    Args:
        recording: From a reader.
        names: Name in the recording -> name of a joint; the other joints keep theirs.
        where: Names the file in errors.

    Raises:
        DataError: The file does not name its joints, or has none of a given name, or two would have the same.
    """
    if not names:
        return recording
    if recording.joints is None:
        raise DataError(f'{where}: --joint-names: the file does not name its joints; use --source-layout.')
    unknown = [name for name in names if name not in recording.joints]
    if unknown:
        raise DataError(f'{where}: --joint-names: no {unknown[0]!r}; the nearest names are '
                        f'{few(recording.joints, unknown[0])}.')
    joints = [names.get(name, name) for name in recording.joints]
    double = next((name for name in joints if joints.count(name) > 1), None)
    if double is not None:
        raise DataError(f'{where}: --joint-names: two joints are {double}.')
    layout = recording.layout
    if layout is not None:
        layout = dict(get_layout(layout), joints=tuple(joints))
    return replace(recording, joints=joints, layout=layout)
