"""Random changes of training windows that leave the gait what it is.

They stand between `PoseDecode` and `FormatGCNInput`, draw from `np.random`, which MMEngine seeds in every process, and
draw anew for every window. All persons of a window are turned, stretched and warped together, and lose the same joints.
Points at exactly 0 stay there: the centre of a centred skeleton, and persons who only fill the array. The array that
came in is left as it was.

With workers, set `persistent_workers=True`: MMEngine gives new ones the same seed in every epoch.
"""
import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from scipy.interpolate import CubicSpline

from dynstg_mm.datasets.transforms.base import LayoutTransform, windows_of
from dynstg_mm.datasets.transforms.clean import fill
from dynstg_mm.gait.geometry import turn_about_vertical, vertical
from dynstg_mm.skeletons import mirror_order


def _copied_windows(results):
    """The windows, each a view (M, T, V, C) of a new array of float32 in the results."""
    results['keypoint'] = np.array(results['keypoint'], dtype=np.float32)
    return windows_of(results).swapaxes(0, 1)


def _score_windows(results):
    """The scores alike, each a view (M, T, V), where they are kept as a feature; otherwise None for every window."""
    count = results.get('num_clips') or 1
    if results.get('keypoint_score') is None:
        return [None] * count
    score = results['keypoint_score'] = np.array(results['keypoint_score'], dtype=np.float32)
    return score.reshape(score.shape[0], count, -1, score.shape[2]).swapaxes(0, 1)


def check_number(name, value, low, high):
    if not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f'{name}: {value!r}; expected a number from {low:g} to {high:g}.')
    return float(value)


@TRANSFORMS.register_module()
class RandomRot(BaseTransform):
    """Turn windows about the origin, which is the centre joint after `CenterSkeleton`.

    A 2-D window turns in the image, by up to `tilt`, as a camera that is not level sees it. A 3-D one turns about the
    vertical by up to `heading`, as one that walks another way, and about both horizontal axes by up to `tilt`.

    PYSKL's transform of this name has one angle `theta` in radians for all axes.

    Args:
        heading (float): Degrees about the vertical, 0 to 180; 3-D only.
        tilt (float): Degrees in the image, or away from the vertical, 0 to 45.
        up (str): The axis that points upwards: 'y', '-y', 'z' or '-z'; 3-D only.
    """

    def __init__(self, heading=10., *, tilt=5., up='y'):
        self.heading = np.radians(check_number('heading', heading, 0, 180))
        self.tilt = np.radians(check_number('tilt', tilt, 0, 45))
        self.floor, self.up = vertical(up)

    def transform(self, results):
        for window in _copied_windows(results):
            if window.shape[-1] == 2:
                self._turn(window, (0, 1), self.tilt)
                continue
            axis = 3 - sum(self.floor)
            self._turn(window, (self.floor[0], axis), self.tilt)
            self._turn(window, (self.floor[1], axis), self.tilt)
            self._turn(window, self.floor, self.heading)
        return results

    def _turn(self, window, plane, most):
        angle = np.random.uniform(-most, most)
        turn_about_vertical(window, plane, np.cos(angle), np.sin(angle))


@TRANSFORMS.register_module()
class RandomSwapSides(LayoutTransform):
    """Make the left side of the body the right one in some windows: the same walk by somebody who is the mirror image.

    In 2-D the joints change names, as seen from the other side; in 3-D the window is mirrored, too.

    Args:
        prob (float): Share of the windows, 0 to 1.
        across (int): 3-D: the axis across the walk, which is z (2) after `AlignHeading` with y up.
        layout (str | dict, optional): In place of the data set's; `left` and `right` are needed.
    """

    def __init__(self, prob=0.5, *, across=2, **kwargs):
        super().__init__(**kwargs)
        self.prob, self.across = check_number('prob', prob, 0, 1), across

    def transform(self, results):
        layout = self.layout(results)
        if not layout.get('left'):
            raise ValueError('layout: left missing; RandomSwapSides needs the joints of both sides.')
        order = mirror_order(layout)
        for window in _copied_windows(results):
            if np.random.random() < self.prob:
                window[:] = window[..., order, :]
                if window.shape[-1] == 3:
                    window[..., self.across] *= -1
        return results


@TRANSFORMS.register_module()
class RandomScale(BaseTransform):
    """Stretch windows along each axis by a random factor, as PYSKL's transform of this name does it.

    Args:
        scale (float | tuple[float]): Factors are drawn from 1 - scale to 1 + scale, of every axis on its own; a tuple
            has one number for each of the 2 or 3 axes. 0 to 0.99, without a unit.
        same (bool): One factor for all axes: another size, the same proportions.
    """

    def __init__(self, scale=0.1, *, same=False):
        self.scale = np.array([check_number('scale', one, 0, 0.99) for one in np.ravel(scale).tolist()])
        self.same = same

    def transform(self, results):
        for window in _copied_windows(results):
            axes = window.shape[-1]
            if len(self.scale) not in (1, axes):
                raise ValueError(f'scale: {len(self.scale)} numbers for keypoints of {axes} coordinates.')
            window *= (1 + np.random.uniform(-1, 1, 1 if self.same else axes) * self.scale).astype(np.float32)
        return results


@TRANSFORMS.register_module()
class RandomGaussianNoise(BaseTransform):
    """Add normal noise to every coordinate of every joint and frame.

    PYSKL's transform of this name measures its noise by the box around the person; here its unit is that of the
    keypoints.

    Args:
        sigma (float): Standard deviation, in leg lengths where it follows `ScaleByLegLength`, otherwise in pixels or
            the unit of the 3-D keypoints.
        shared (bool): One draw of every joint for all frames of a window, as a pose estimator that sees a joint in the
            wrong place would. Otherwise the noise is white, and the motion features amplify it by the frame rate.
    """

    def __init__(self, sigma=0.01, *, shared=False):
        self.sigma = check_number('sigma', sigma, 0, 1e6)
        self.shared = shared

    def transform(self, results):
        for window in _copied_windows(results):
            shape = (window.shape[0], 1, *window.shape[2:]) if self.shared else window.shape
            noise = np.random.normal(0, self.sigma, shape).astype(np.float32)
            window += noise * (window != 0).any(-1, keepdims=True)
        return results


@TRANSFORMS.register_module()
class RandomJointDropout(LayoutTransform):
    """Lose joints for a stretch of a window, and fill them as `FillMissingJoints` fills those that were really lost.

    So the model sees in training what it gets of a joint that the camera lost: a straight line relative to the centre
    in place of a stretch, and the parent's place where the joint is gone for the whole window. The centre stays.

    Args:
        layout (str | dict, optional): In place of the data set's.
        prob (float): Probability that a joint is lost in a window, 0 to 1.
        share (tuple[float, float]): Shortest and longest stretch, as shares of the window's length, 0 to 1.
    """

    def __init__(self, layout=None, *, prob=0.05, share=(0.1, 1.)):
        super().__init__(layout)
        self.prob = check_number('prob', prob, 0, 1)
        self.share = tuple(check_number('share', one, 0, 1) for one in share)
        if len(self.share) != 2 or self.share[0] > self.share[1]:
            raise ValueError(f'share: {share!r}; expected the shortest and the longest stretch.')

    def transform(self, results):
        layout = self.layout(results)
        for window, score in zip(_copied_windows(results), _score_windows(results)):
            seen = self._draw(*window.shape[1:3], layout['center'])
            if seen.all():
                continue
            for person in window:
                filled = person.copy()
                fill(filled, seen, layout)
                person[~seen] = filled[~seen]
            if score is not None:
                score[:, ~seen] = 0
        return results

    def _draw(self, frames, joints, center):
        seen = np.ones((frames, joints), bool)
        for joint in np.flatnonzero(np.random.random(joints) < self.prob):
            length = max(1, round(frames * np.random.uniform(*self.share)))
            start = np.random.randint(0, frames - length + 1)
            seen[start:start + length, joint] = joint == center
        return seen


@TRANSFORMS.register_module()
class RandomTimeWarp(BaseTransform):
    """Let a window run slower here and faster there, smoothly, from its first frame to its last.

    The share u of the window shows the time u + strength * sum_k a_k (sin(2 pi k u + phi_k) - sin(phi_k)) / (2 pi k),
    with sum_k |a_k| = 1. So the tempo stays between 1 - strength and 1 + strength everywhere, and is 1 on average over
    the window: cadence and speed change by no more than that inside of it, and not at all over its length.

    Args:
        strength (float): Largest change of the tempo, as a share, 0 to 0.5.
        waves (int): Number of sines; the fastest has this many periods in a window.
    """

    def __init__(self, strength=0.1, *, waves=2):
        self.strength = check_number('strength', strength, 0, 0.5)
        self.waves = int(check_number('waves', waves, 1, 10))

    def transform(self, results):
        for window, score in zip(_copied_windows(results), _score_windows(results)):
            frames = window.shape[1]
            times = self.times(frames)
            window[:] = CubicSpline(np.arange(frames), window, axis=1)(times)
            if score is not None:
                score[:] = score[:, times.round().astype(int)]
        return results

    def times(self, frames):
        """Draw the times, in frames of the window, that its frames are taken from."""
        period = np.arange(1, self.waves + 1)
        weight = np.random.dirichlet(np.ones(self.waves))
        phase = np.random.uniform(0, 2 * np.pi, self.waves)
        share = np.linspace(0, 1, frames)
        waves = np.sin(2 * np.pi * period * share[:, None] + phase) - np.sin(phase)
        share = share + self.strength * waves @ (weight / (2 * np.pi * period))
        return np.clip(share, 0, 1) * (frames - 1)
