"""Random changes of training windows that preserve the gait.

They belong between `PoseDecode` and `FormatGCNInput` and draw from `np.random`, which MMEngine seeds in every process,
once per window. All persons of a window are turned, stretched and warped together, and lose the same joints. Points at
exactly 0 stay there: the pelvis of a centred skeleton, and persons who only fill the array. The input array is not
changed.

With workers, set `persistent_workers=True`: otherwise MMEngine gives them the same seed in every epoch.
"""
from collections.abc import Iterable
from typing import Any

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from scipy.interpolate import CubicSpline

from dynstg_mm.datasets.transforms.base import LayoutTransform, Results, check_number, windows_of
from dynstg_mm.errors import ConfigError
from dynstg_mm.gait.geometry import turn_about_vertical, vertical
from dynstg_mm.gait.signal import fill_missing
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.skeletons import Layout, depth_first, mirror_order, parents, pelvis_joints


def _copied_windows(results: Results) -> np.ndarray:
    """The windows, each a view (M, T, V, C) of a new float32 array in the results."""
    results['keypoint'] = np.array(results['keypoint'], dtype=np.float32)
    return windows_of(results).swapaxes(0, 1)


def _score_windows(results: Results) -> Iterable[np.ndarray | None]:
    """The scores of each window, a view (M, T, V), if they are kept as a feature; otherwise None for every window."""
    count = results.get('num_clips') or 1
    if results.get('keypoint_score') is None:
        return [None] * count
    score = results['keypoint_score'] = np.array(results['keypoint_score'], dtype=np.float32)
    return score.reshape(score.shape[0], count, -1, score.shape[2]).swapaxes(0, 1)


@TRANSFORMS.register_module()
class RandomRot(BaseTransform):
    """Turn windows about the origin, which is the pelvis after `CenterSkeleton`.

    A 2-D window turns in the image by up to `tilt`, as if the camera were not level. A 3-D one turns about the vertical
    by up to `heading`, as if the person walked another way, and about both horizontal axes by up to `tilt`.

    PYSKL's transform of this name has one angle `theta` in radians for all axes.

    Args:
        heading: Degrees about the vertical, 0 to 180; 3-D only.
        tilt: Degrees in the image, or away from the vertical, 0 to 45.
        up: The axis that points upwards: 'y', '-y', 'z' or '-z'; 3-D only.
    """

    def __init__(self, heading: float = 10., *, tilt: float = 5., up: str = 'y') -> None:
        self.heading = np.radians(check_number('heading', heading, 0, 180))
        self.tilt = np.radians(check_number('tilt', tilt, 0, 45))
        self.floor, self.up = vertical(up)

    def transform(self, results: Results) -> Results:
        """Turn each window."""
        for window in _copied_windows(results):
            if window.shape[-1] == 2:
                self._turn(window, (0, 1), self.tilt)
                continue
            axis = 3 - sum(self.floor)
            self._turn(window, (self.floor[0], axis), self.tilt)
            self._turn(window, (self.floor[1], axis), self.tilt)
            self._turn(window, self.floor, self.heading)
        return results

    def _turn(self, window: np.ndarray, plane: tuple[int, int], most: float) -> None:
        angle = np.random.uniform(-most, most)
        turn_about_vertical(window, plane, np.cos(angle), np.sin(angle))


@TRANSFORMS.register_module()
class RandomSwapSides(LayoutTransform):
    """Swap the left and the right side of the body in some windows: the walk of the mirrored person.

    In 2-D the joints change names, as seen from the other side; in 3-D the window is mirrored, too.

    Args:
        prob: Share of the windows, 0 to 1.
        across: 3-D: the axis across the walk, which is z (2) after `AlignHeading` with y up.
        layout: Replaces the data set's; `left` and `right` are needed.
    """

    def __init__(self, prob: float = 0.5, *, across: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.prob, self.across = check_number('prob', prob, 0, 1), across

    def transform(self, results: Results) -> Results:
        """Swap the sides of some windows."""
        layout = self.layout(results)
        if not layout.get('left'):
            raise ConfigError('layout: left: missing; RandomSwapSides needs the joints of both sides.')
        order = mirror_order(layout)
        for window in _copied_windows(results):
            if np.random.random() < self.prob:
                window[:] = window[..., order, :]
                if window.shape[-1] == 3:
                    window[..., self.across] *= -1
        return results


@TRANSFORMS.register_module()
class RandomScale(BaseTransform):
    """Stretch windows along each axis by a random factor, as PYSKL's transform of this name does.

    Args:
        scale: Factors are drawn from 1 - scale to 1 + scale, separately for every axis; a tuple has one number for each
            of the 2 or 3 axes. 0 to 0.99, without a unit.
        same: One factor for all axes: another size, the same proportions.
    """

    def __init__(self, scale: float | tuple[float, ...] = 0.1, *, same: bool = False) -> None:
        self.scale = np.array([check_number('scale', one, 0, 0.99) for one in np.ravel(scale).tolist()])
        self.same = same

    def transform(self, results: Results) -> Results:
        """Stretch each window."""
        for window in _copied_windows(results):
            axes = window.shape[-1]
            if len(self.scale) not in (1, axes):
                raise ConfigError(f'scale: {len(self.scale)} numbers for keypoints with {axes} coordinates.')
            window *= (1 + np.random.uniform(-1, 1, 1 if self.same else axes) * self.scale).astype(np.float32)
        return results


@TRANSFORMS.register_module()
class RandomGaussianNoise(BaseTransform):
    """Add normal noise to every coordinate of every joint and frame.

    PYSKL's transform of this name scales the noise by the box around the person; here its unit is that of the
    keypoints.

    Args:
        sigma: Standard deviation, in leg lengths after `ScaleByLegLength`, otherwise in pixels or the unit of the 3-D
            keypoints.
        shared: One draw per joint for all frames of a window, as if the pose estimator put the joint in the wrong
            place. Otherwise the noise is white, and the motion features amplify it by the frame rate.
    """

    def __init__(self, sigma: float = 0.01, *, shared: bool = False) -> None:
        self.sigma = check_number('sigma', sigma, 0, 1e6)
        self.shared = shared

    def transform(self, results: Results) -> Results:
        """Add the noise."""
        for window in _copied_windows(results):
            shape = (window.shape[0], 1, *window.shape[2:]) if self.shared else window.shape
            noise = np.random.normal(0, self.sigma, shape).astype(np.float32)
            window += noise * seen_joints(window)[..., None]
        return results


@TRANSFORMS.register_module()
class RandomJointDropout(LayoutTransform):
    """Lose joints for a part of a window, and fill them as `FillMissingJoints` fills joints that were really lost.

    In training the model then sees what it gets when the camera loses a joint: a straight line relative to the pelvis,
    or the parent's place if the joint is lost for the whole window. The pelvis is never lost, nor are both hips at once
    in a layout where they stand for it.

    Args:
        layout: Replaces the data set's.
        prob: Probability that a joint is lost in a window, 0 to 1.
        share: Shortest and longest part, as shares of the window's length, 0 to 1.
    """

    def __init__(self, layout: str | Layout | None = None, *, prob: float = 0.05,
                 share: tuple[float, float] = (0.1, 1.)) -> None:
        super().__init__(layout)
        self.prob = check_number('prob', prob, 0, 1)
        if len(share) != 2 or share[0] > share[1]:
            raise ConfigError(f'share: {share!r}; expected the shortest and the longest part.')
        self.shortest, self.longest = (check_number('share', one, 0, 1) for one in share)

    def transform(self, results: Results) -> Results:
        """Lose joints and fill them."""
        layout = self.layout(results)
        for window, score in zip(_copied_windows(results), _score_windows(results)):
            seen = self._draw(window.shape[1], window.shape[2], list(pelvis_joints(layout)))
            if seen.all():
                continue
            for person in window:
                person[~seen] = fill_missing(person, seen, layout)[~seen]
            if score is not None:
                score[:, ~seen] = 0
        return results

    def _draw(self, frames: int, joints: int, pelvis: list[int]) -> np.ndarray:
        seen = np.ones((frames, joints), bool)
        for joint in np.flatnonzero(np.random.random(joints) < self.prob):
            length = max(1, round(frames * np.random.uniform(self.shortest, self.longest)))
            start = np.random.randint(0, frames - length + 1)
            seen[start:start + length, joint] = False
        seen[:, pelvis] |= ~seen[:, pelvis].any(1, keepdims=True)
        return seen


@TRANSFORMS.register_module()
class RandomProportions(LayoutTransform):
    """Draw other proportions of the body: each bone is longer or shorter by a factor, in all frames of a window.

    The factors are log-normal and the same for left and right. Joints further out move along, so bones keep their
    directions, and joints their angles. People differ in build, and pose estimators in where they see a joint: a model
    should read neither.

    It belongs right after `PoseDecode`, so that place and size are those of the new body; lost joints must be filled by
    then.

    Args:
        layout: Replaces the data set's.
        spread: Standard deviation of the factors' logarithm, 0 to 0.5.
    """

    def __init__(self, layout: str | Layout | None = None, *, spread: float = 0.1) -> None:
        super().__init__(layout)
        self.spread = check_number('spread', spread, 0, 0.5)

    def transform(self, results: Results) -> Results:
        """Change the proportions of each window."""
        layout = self.layout(results)
        order, parent, mirrored = depth_first(layout), parents(layout), mirror_order(layout)
        for window in _copied_windows(results):
            factors = np.exp(self.spread * np.random.randn(len(order)).astype(np.float32))
            factors = factors[np.minimum(np.arange(len(order)), mirrored)]  # a bone is known by its outer joint
            bones = window - window[..., parent, :]
            for joint in order:  # from the centre outwards
                if parent[joint] != joint:
                    window[..., joint, :] = window[..., parent[joint], :] + factors[joint] * bones[..., joint, :]
        return results


@TRANSFORMS.register_module()
class RandomTimeWarp(BaseTransform):
    """Change the tempo smoothly within a window, from its first frame to its last.

    The share u of the window shows the time u + strength * sum_k a_k (sin(2 pi k u + phi_k) - sin(phi_k)) / (2 pi k),
    with ``sum_k |a_k| = 1``. The tempo stays between 1 - strength and 1 + strength and is 1 on average, so cadence and
    speed change by no more than that within the window, and not at all over its length.

    Args:
        strength: Largest change of the tempo, as a share, 0 to 0.5.
        waves: Number of sines; the fastest has this many periods in a window.
    """

    def __init__(self, strength: float = 0.1, *, waves: int = 2) -> None:
        self.strength = check_number('strength', strength, 0, 0.5)
        self.waves = int(check_number('waves', waves, 1, 10))

    def transform(self, results: Results) -> Results:
        """Warp each window."""
        for window, score in zip(_copied_windows(results), _score_windows(results)):
            frames = window.shape[1]
            times = self.times(frames)
            window[:] = CubicSpline(np.arange(frames), window, axis=1)(times)
            if score is not None:
                score[:] = score[:, times.round().astype(int)]
        return results

    def times(self, frames: int) -> np.ndarray:
        """Draw the times, in frames of the window, from which its frames are taken."""
        period = np.arange(1, self.waves + 1)
        weight = np.random.dirichlet(np.ones(self.waves))
        phase = np.random.uniform(0, 2 * np.pi, self.waves)
        share = np.linspace(0, 1, frames)
        waves = np.sin(2 * np.pi * period * share[:, None] + phase) - np.sin(phase)
        share = share + self.strength * waves @ (weight / (2 * np.pi * period))
        return np.clip(share, 0, 1) * (frames - 1)
