"""Whether 2-D coordinates are pixels or shares of the image."""
import numpy as np

KINDS = ('pixel', 'normalized', 'centered')
_MOST = 4  # no share of an image is larger, even of somebody who is largely outside of it
_INSIDE = 1.1  # most joints are inside of the image


def coordinate_kind(keypoint: np.ndarray, seen: np.ndarray) -> str:
    """What 2-D coordinates are, by their values.

    'pixel', or any unit that is the same along both axes; 'normalized', shares of the image's width and height from 0
    to 1; or 'centered', the same from -1 to 1, as OpenPose's `--keypoint_scale 4`. Shares have another aspect than the
    image, so that lengths and angles are wrong unless they are multiplied by its size.

    Args:
        keypoint: Shape (..., V, 2 or 3), of which x and y are looked at.
        seen: Shape (..., V).
    """
    values = keypoint[..., :2][seen]
    if not values.size or np.abs(values).max() > _MOST or np.quantile(np.abs(values), 0.9) > _INSIDE:
        return 'pixel'
    return 'centered' if np.quantile(values, 0.02) < -0.2 else 'normalized'


def to_pixels(keypoint: np.ndarray, seen: np.ndarray, kind: str, img_shape: tuple[int, int]) -> np.ndarray:
    """Coordinates in pixels.

    Args:
        keypoint: Shape (..., V, 2).
        seen: Shape (..., V); a lost joint stays at zeros.
        kind: One of `KINDS`.
        img_shape: Height and width in pixels.
    """
    if kind == 'pixel':
        return keypoint
    size = np.array(img_shape[::-1], np.float32)
    pixels: np.ndarray = keypoint * size if kind == 'normalized' else (keypoint + np.float32(1)) / 2 * size
    return np.where(seen[..., None], pixels, np.float32(0))
