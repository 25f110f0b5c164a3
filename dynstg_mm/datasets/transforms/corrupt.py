"""What goes wrong with a recording: lost joints, noise, a lower frame rate, a shorter clip.

They stand before `ResampleRate` in a test pipeline and are the same for every model and call: what is drawn comes from
the clip's name and `seed` alone.
"""
import math
import zlib

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from dynstg_mm.datasets.transforms.augment import check_number
from dynstg_mm.datasets.transforms.base import LayoutTransform
from dynstg_mm.gait.geometry import leg_length


def _generator(results, seed):
    return np.random.default_rng([seed, zlib.crc32(str(results.get('frame_dir')).encode())])


@TRANSFORMS.register_module()
class LoseJoints(BaseTransform):
    """Lose every joint for a share of the time, in stretches, as where a leg hides the other.

    A lost joint is zeros with score 0, as pose estimators write it. The first and the last stretch are lost last, so
    that the person is still seen to come and go.

    Args:
        share (float): Share of the frames in which a joint is lost, 0 to 1.
        seconds (float): Length of a stretch.
        seed (int): Of where the stretches lie.
    """

    repeatable = True

    def __init__(self, share, *, seconds=0.5, seed=0):
        self.share, self.seconds, self.seed = check_number('share', share, 0, 1), check_number('seconds', seconds, 0.01, 1e4), seed

    def transform(self, results):
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
    """Move every joint that is seen by Gaussian noise, anew in every frame.

    Args:
        sigma (float): Standard deviation of every coordinate, in leg lengths, from 0.
        rate (float, optional): Frames per second that `sigma` is meant at: a faster recording gets as much noise a second,
            so that a low-pass leaves the same of it at every rate. By default every frame gets `sigma`, whatever its rate.
        seed (int): Of the noise.
        layout (str | dict, optional): In place of the data set's; `legs` is needed.
    """

    repeatable = True

    def __init__(self, sigma, *, rate=None, seed=0, layout=None):
        super().__init__(layout)
        self.sigma, self.seed = check_number('sigma', sigma, 0, 100), seed
        self.rate = None if rate is None else check_number('rate', rate, 1, 1e4)

    def transform(self, results):
        keypoint, layout = np.asarray(results['keypoint'], np.float32), self.layout(results)
        seen = (keypoint != 0).any(-1)
        noise = _generator(results, self.seed).standard_normal(keypoint.shape)
        legs = [joint for leg in layout['legs'] for joint in leg]
        sigma = self.sigma * (float(results['rate']) / self.rate)**0.5 if self.rate else self.sigma
        results['keypoint'] = keypoint.copy()
        for person, there in enumerate(seen):
            whole = there[:, legs].all(1)  # frames in which the legs have a length
            if whole.any():
                size = sigma * leg_length(keypoint[person, whole], layout)
                results['keypoint'][person, there] += size * noise[person, there]
        return results


@TRANSFORMS.register_module()
class LowerRate(BaseTransform):
    """Leave out frames, as a slower camera does.

    Args:
        rate (float): Frames per second that are left; a slower recording stays as it is.
    """

    repeatable = True

    def __init__(self, rate):
        self.rate = check_number('rate', rate, 1, 1e4)

    def transform(self, results):
        found = float(results['rate'])
        if found > self.rate:
            frames = results['keypoint'].shape[1]
            _keep(results, np.round(np.arange(0, (frames - 1) / found + 1e-9, 1 / self.rate) * found).astype(int))
            results['rate'] = self.rate
        return results


@TRANSFORMS.register_module()
class CutClip(BaseTransform):
    """Keep the middle of a clip.

    Args:
        seconds (float): What is kept; a shorter clip stays as it is.
    """

    repeatable = True

    def __init__(self, seconds):
        self.seconds = check_number('seconds', seconds, 0.01, 1e6)

    def transform(self, results):
        frames = results['keypoint'].shape[1]
        kept = min(frames, math.ceil(self.seconds * results['rate']) + 1)
        _keep(results, (frames - kept) // 2 + np.arange(kept))
        return results


def _keep(results, frames):
    """Keep these frames."""
    for key in ('keypoint', 'keypoint_score'):
        if results.get(key) is not None:
            results[key] = np.asarray(results[key])[:, frames]
    results['total_frames'] = len(frames)
