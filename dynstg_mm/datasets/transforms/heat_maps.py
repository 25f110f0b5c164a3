"""Windows drawn into an image, for the heat maps of PoseC3D."""
import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from dynstg_mm.datasets.transforms.base import Results, windows_of
from dynstg_mm.gait.geometry import vertical


@TRANSFORMS.register_module()
class ProjectToImage(BaseTransform):
    """Draw centred, scaled windows into a small image, for the heat maps of PoseC3D (`GeneratePoseTarget`).

    3-D windows are seen from the side: x to the right, the vertical axis upwards.

    Args:
        size: Height and width of the image in pixels.
        span: Height and width of what the image shows, in the unit of the keypoints; its middle is the origin.
        interval: Keep one frame in so many.
        up: Vertical axis of 3-D windows.
    """

    def __init__(self, size: int = 32, *, span: float = 3., interval: int = 1, up: str = 'y') -> None:
        self.size, self.span, self.interval = size, span, interval
        self.up = np.array(vertical(up)[1], np.float32)

    def transform(self, results: Results) -> Results:
        """Project the windows."""
        windows = windows_of(results)[:, :, ::self.interval]
        if windows.shape[-1] == 3:
            windows = np.stack([windows[..., 0], -(windows @ self.up)], -1)
        results['keypoint'] = (windows / self.span + 0.5).reshape(len(windows), -1, *windows.shape[3:]) * self.size
        results['keypoint_score'] = np.ones(results['keypoint'].shape[:3], np.float32)
        results.update(img_shape=(self.size, self.size), clip_len=windows.shape[2])
        return results
