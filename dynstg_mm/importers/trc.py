"""Motion capture: TRC files of OpenSim, OpenCap, Pose2Sim, Cortex and Motion Analysis."""
import os
from collections.abc import Sequence

from dynstg_mm.errors import DataError
from dynstg_mm.importers.csv_table import number_cells, text_of
from dynstg_mm.importers.recording import Recording, readable, unit_of, with_lost, without_prefix

_FIRST = 6  # line of the first frame, behind two pairs of names and values, and the names of the axes
_KEYS = ('DataRate', 'NumFrames', 'NumMarkers', 'Units')


def read_trc(path: str | os.PathLike) -> list[Recording]:
    """Marker positions of a TRC file, in its unit of length.

    Args:
        path: The file.

    Returns:
        One recording with the names of the markers; an empty cell, NaN or zeros are a lost marker. y is up unless the
        body stands along another axis.

    Raises:
        DataError: The file is damaged; the message names the line.
    """
    with readable(path, 'TRC file'):
        lines = [line.split('\t') for line in text_of(path).splitlines()]
    if len(lines) < _FIRST or not lines[3][0].strip().startswith('Frame'):
        raise DataError(f'{path}: line 4: no Frame#, Time and names of markers, separated by tabs; expected a whole '
                        'TRC file.')
    header = dict(zip(*(' '.join(line).split() for line in lines[1:3])))  # some files have more tabs between values
    missing = [key for key in _KEYS if key not in header]
    if missing:
        raise DataError(f'{path}: line 2: no {missing[0]}; expected {", ".join(_KEYS)}.')
    names = [name.strip() for name in lines[3][2:] if name.strip()]  # three columns each
    rows = [row for row in lines[_FIRST - 1:] if any(map(str.strip, row))]
    blank = len(lines[_FIRST - 1:]) - len(rows)
    columns = 2 + 3 * len(names)
    notes = _notes(path, header, names, rows)
    rows = [[cell.strip() for cell in row[:columns]] + [''] * (columns - len(row)) for row in rows]
    labels = ['Frame#', 'Time', *(f'{name} {axis}' for name in names for axis in 'XYZ')]
    values = number_cells(path, labels, rows, range(2, columns), _FIRST + blank).reshape(1, len(rows), len(names), 3)
    keypoint, score = with_lost(values, None, path)
    unit, more = unit_of(header['Units'])
    return [Recording(None, keypoint, score, without_prefix(names), rate=_number(path, header, 'DataRate'),
                      unit=unit, notes=notes + more)]


def _notes(path: str | os.PathLike, header: dict[str, str], names: Sequence[str],
           rows: Sequence[Sequence[str]]) -> list[str]:
    """A note if the file does not have as many frames as its header says; DataError if it is cut within a line."""
    if not names or not rows:
        raise DataError(f'{path}: no {"frames" if names else "markers"}; expected a whole TRC file.')
    if _number(path, header, 'NumMarkers') != len(names):
        raise DataError(f'{path}: NumMarkers: {header["NumMarkers"]}, but line 4 has {len(names)}.')
    frames = _number(path, header, 'NumFrames')
    if frames > len(rows) and len(rows[-1]) < len(rows[0]):
        raise DataError(f'{path}: its last line is cut; expected a whole TRC file of {frames:g} frames.')
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise DataError(f'{path}: line 4: marker {duplicate} is duplicated.')
    return [f'{len(rows)} frames; its header says {frames:g}'] * (frames != len(rows))


def _number(path: str | os.PathLike, header: dict[str, str], key: str) -> float:
    try:
        return float(header[key])
    except ValueError:
        raise DataError(f'{path}: {key}: {header[key]!r}; expected a number.') from None
