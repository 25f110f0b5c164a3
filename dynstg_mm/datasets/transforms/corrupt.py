"""Corruptions of a recording: lost joints, noise, a lower frame rate, a shorter clip.

They belong before `ResampleRate` in a test pipeline. They are the same for every model and call: the random numbers
depend only on the clip's name and `seed`.
"""
import math
import zlib

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from dynstg_mm.datasets.transforms.base import LayoutTransform, Results, check_number
from dynstg_mm.gait.geometry import leg_length
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.skeletons import Layout


def _generator(results: Results, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(str(results.get('frame_dir')).encode())])


@TRANSFORMS.register_module()
class LoseJoints(BaseTransform):
    """Lose every joint for a share of the time, in stretches, as when one leg hides the other.

    A lost joint is zeros with score 0, as pose estimators write it. The first and the last stretch are lost last, so
    that the clip keeps its length.

    Args:
        share: Share of the frames in which a joint is lost, 0 to 1.
        seconds: Length of a stretch.
        seed: Seed of the positions of the stretches.
    """

    repeatable = True

    def __init__(self, share: float, *, seconds: float = 0.5, seed: int = 0) -> None:
        self.share = check_number('share', share, 0, 1)
        self.seconds = check_number('seconds', seconds, 0.01, 1e4)
        self.seed = seed

    def transform(self, results: Results) -> Results:
        """Lose the joints."""
        frames, joints = results['keypoint'].shape[1:3]
        length = max(1, round(self.seconds * results['rate']))
        count = -(-frames // length)
        rng = _generator(results, self.seed)
        keys = rng.random((count, joints))
        keys[[0, -1]] += 1
        rank = keys.argsort(0).argsort(0)  # of each stretch, by joint
        chosen = np.floor(self.share * count + rng.random(joints))  # as many as the share says on average
        lost = np.repeat(rank < chosen, length, 0)[:frames]
        for key in ('keypoint', 'keypoint_score'):
            if results.get(key) is not None:
                results[key] = np.where(lost.reshape(lost.shape + (1, ) * (results[key].ndim - 3)), 0, results[key])
        return results


@TRANSFORMS.register_module()
class AddNoise(LayoutTransform):
    """Move every seen joint by Gaussian noise, drawn for each frame.

    Args:
        sigma: Standard deviation of every coordinate, in leg lengths, from 0.
        rate: Frames per second at which `sigma` holds. A faster recording then gets the same noise density per second,
            of which a low-pass filter leaves the same amount. By default every frame gets `sigma` at any rate.
        seed: Seed of the noise.
        layout: Replaces the data set's; `legs` is needed.
    """

    repeatable = True

    def __init__(self, sigma: float, *, rate: float | None = None, seed: int = 0,
                 layout: str | Layout | None = None) -> None:
        super().__init__(layout)
        self.sigma, self.seed = check_number('sigma', sigma, 0, 100), seed
        self.rate = None if rate is None else check_number('rate', rate, 1, 1e4)

    def transform(self, results: Results) -> Results:
        """Add the noise."""
        keypoint, layout = np.asarray(results['keypoint'], np.float32), self.layout(results)
        seen = seen_joints(keypoint)
        noise = _generator(results, self.seed).standard_normal(keypoint.shape)
        legs = [joint for leg in layout['legs'] for joint in leg]
        sigma = self.sigma * (float(results['rate']) / self.rate)**0.5 if self.rate else self.sigma
        results['keypoint'] = keypoint.copy()
        for person, joints in enumerate(seen):
            whole = joints[:, legs].all(1)  # frames in which the legs have a length
            if whole.any():
                size = sigma * leg_length(keypoint[person, whole], layout)
                results['keypoint'][person, joints] += size * noise[person, joints]
        return results


@TRANSFORMS.register_module()
class LowerRate(BaseTransform):
    """Drop frames, as if the camera were slower.

    Args:
        rate: Frames per second of the result; a slower recording stays as it is.
    """

    repeatable = True

    def __init__(self, rate: float) -> None:
        self.rate = check_number('rate', rate, 1, 1e4)

    def transform(self, results: Results) -> Results:
        """Drop frames."""
        rate = float(results['rate'])
        if rate > self.rate:
            frames = results['keypoint'].shape[1]
            _keep(results, np.round(np.arange(0, (frames - 1) / rate + 1e-9, 1 / self.rate) * rate).astype(int))
            results['rate'] = self.rate
        return results


@TRANSFORMS.register_module()
class CutClip(BaseTransform):
    """Keep the middle of a clip.

    Args:
        seconds: Length of the result; a shorter clip stays as it is.
    """

    repeatable = True

    def __init__(self, seconds: float) -> None:
        self.seconds = check_number('seconds', seconds, 0.01, 1e6)

    def transform(self, results: Results) -> Results:
        """Cut the ends off."""
        frames = results['keypoint'].shape[1]
        kept = min(frames, math.ceil(self.seconds * results['rate']) + 1)
        _keep(results, (frames - kept) // 2 + np.arange(kept))
        return results


def _keep(results: Results, frames: np.ndarray) -> None:
    """Keep only these frames, in place."""
    for key in ('keypoint', 'keypoint_score'):
        if results.get(key) is not None:
            results[key] = np.asarray(results[key])[:, frames]
    results['total_frames'] = len(frames)
