"""OpenSim's motion files: angles of a model's joints, without places."""
import os
from pathlib import Path

from dynstg_mm.errors import DataError
from dynstg_mm.importers.csv_table import text_of
from dynstg_mm.importers.recording import Recording, readable

_END = 'endheader'


def read_mot(path: str | os.PathLike) -> list[Recording]:
    """Refuse a motion file of OpenSim, OpenCap or Pose2Sim, and name the file to convert instead.

    It has the angles of a model's joints and the place of its pelvis. The places of the joints follow from the lengths
    of the person's bones, which are in the scaled model (.osim), not in this file. The markers that the angles were
    computed from are in a TRC file.

    Args:
        path: The file, .mot or .sto.

    Raises:
        DataError: Always; the message says what the file holds.
    """
    path = Path(path)
    with readable(path, 'motion file'):
        lines = [line.strip() for line in text_of(path).splitlines()]
    start = next((number for number, line in enumerate(lines) if line.lower() == _END), None)
    names = lines[start + 1].split() if start is not None and len(lines) > start + 1 else []
    if names[:1] != ['time'] or len(names) < 2:
        raise DataError(f'{path}: no {_END} with a line of names below it, time first; expected a motion file of '
                        'OpenSim.')
    forces = 'ground_' in names[1]
    what = f'{len(names) - 1} columns of {"ground reaction forces" if forces else "angles and other coordinates"}'
    beside = [path.with_suffix('.trc'), *sorted((path.parents[2] if len(path.parents) > 2 else path.parent).glob(
        f'MarkerData/**/{path.stem}.trc'))]
    trc = next((f'{file}' for file in beside if file.is_file()), 'the TRC file of the same trial (in OpenCap\'s folder '
               'MarkerData, in Pose2Sim\'s pose-3d)')
    raise DataError(f'{path}: {what} ({", ".join(names[1:4])}, ...); expected places of joints, which follow only with '
                    f'the scaled model. Convert {trc} as trc.')
