"""What the transforms share."""
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from dynstg_mm.errors import ConfigError
from dynstg_mm.gait.cleaning import check_joints, require_layout
from dynstg_mm.skeletons import Layout, get_layout

Results = dict[str, Any]  # MMAction2's results dict: `keypoint` (M, T, V, C), `keypoint_score` (M, T, V), ...


class LayoutTransform(BaseTransform):
    """A transform that needs the skeleton layout.

    Args:
        layout: Replaces the data set's.
    """

    def __init__(self, layout: str | Layout | None = None) -> None:
        self.own_layout = get_layout(layout) if layout is not None else None

    def layout(self, results: Results) -> Layout:
        """The transform's own layout, or the data set's."""
        layout = require_layout(self.own_layout or results.get('layout'), type(self).__name__)
        check_joints(results, layout, type(self).__name__)
        return layout


def windows_of(results: Results) -> np.ndarray:
    """View of the keypoints as windows, shape (M, windows, T, V, C), to be changed in place."""
    keypoint = results['keypoint'] = np.ascontiguousarray(results['keypoint'])
    windows = results.get('num_clips') or 1
    if keypoint.ndim != 4 or keypoint.shape[1] % windows:
        raise ConfigError(f'pipeline: keypoint has the shape {keypoint.shape} with num_clips={windows}; transforms of '
                          'windows belong between PoseDecode and FormatGCNInput.')
    return keypoint.reshape(keypoint.shape[0], windows, -1, *keypoint.shape[2:])


def check_number(name: str, value: object, low: float, high: float) -> float:
    """The option of that name as a float; a ConfigError if it is not a number from `low` to `high`."""
    if not isinstance(value, (int, float)) or not low <= value <= high:
        raise ConfigError(f'{name}: {value!r}; expected a number from {low:g} to {high:g}.')
    return float(value)
