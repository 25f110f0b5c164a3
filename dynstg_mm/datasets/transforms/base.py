"""What the transforms share."""
import numpy as np
from mmcv.transforms import BaseTransform

from dynstg_mm.errors import ClipError
from dynstg_mm.skeletons import get_layout


def fail(results, field, message):
    raise ClipError(f'clip {results.get("frame_dir", "?")}: {field}: {message}')


class LayoutTransform(BaseTransform):
    """A transform that needs the skeleton layout."""

    def __init__(self, layout=None):
        self.own_layout = get_layout(layout) if layout is not None else None

    def layout(self, results):
        """The transform's own layout, or the data set's."""
        layout = self.own_layout or results.get('layout')
        if layout is None:
            raise ValueError(f'layout: missing; give the data set one, or {type(self).__name__} itself.')
        joints = results['keypoint'].shape[-2]
        if joints != layout['num_node']:
            fail(results, 'keypoint', f'{joints} joints; the layout of {type(self).__name__} has {layout["num_node"]}.')
        return layout


def windows_of(results):
    """View of the keypoints as windows, shape (M, windows, T, V, C), to be changed in place."""
    keypoint = results['keypoint'] = np.ascontiguousarray(results['keypoint'])
    windows = results.get('num_clips') or 1
    if keypoint.ndim != 4 or keypoint.shape[1] % windows:
        raise ValueError(f'pipeline: keypoint has the shape {keypoint.shape} with num_clips={windows}; transforms of '
                         'windows stand between PoseDecode and FormatGCNInput.')
    return keypoint.reshape(keypoint.shape[0], windows, -1, *keypoint.shape[2:])
