"""2-D coordinates brought to pixels."""
import os
from dataclasses import replace

from dynstg_mm.errors import DataError
from dynstg_mm.gait.coordinates import KINDS, coordinate_kind, to_pixels
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.importers.recording import Recording

COORDS = (*KINDS, 'world')


def in_pixels(recording: Recording, coords: str | None, img_shape: tuple[int, int] | None,
              path: str | os.PathLike) -> Recording:
    """The recording with 2-D coordinates in pixels; 3-D ones stay as they are.

    Args:
        recording: From a reader.
        coords: What the coordinates are, one of `COORDS`; by default by their values.
        img_shape: Height and width in pixels; takes precedence over the file.
        path: Names the file in errors.

    Raises:
        DataError: The coordinates are shares of an image of unknown size, or `coords` are not those of the file.
    """
    dims = recording.keypoint.shape[-1]
    if dims != 2 or coords == 'world':
        if coords is not None and (dims == 2) == (coords == 'world'):
            raise DataError(f'{path}: keypoint: {dims} coordinates; expected {5 - dims} of {coords} ones (--coords).')
        return recording
    seen = seen_joints(recording.keypoint, recording.keypoint_score, 0)
    kind = coords or coordinate_kind(recording.keypoint, seen)
    if kind == 'pixel':
        return recording
    shape = img_shape or recording.img_shape
    if shape is None:
        raise DataError(f'{path}: img_shape: missing; the coordinates look like shares of the image, which need its '
                        'height and width (--img-shape). If both axes have the same unit, use --coords pixel.')
    start = 0 if kind == 'normalized' else -1
    note = f'coordinates from {start} to 1 multiplied by the size of the image, {shape[0]} x {shape[1]}'
    return replace(recording, coords=kind, keypoint=to_pixels(recording.keypoint, seen, kind, (shape[0], shape[1])),
                   img_shape=(shape[0], shape[1]), notes=[*recording.notes, note])
