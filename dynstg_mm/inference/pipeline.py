"""The test pipeline of a config, for its own windows and for rolling windows along a recording."""
import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dataset import Compose

from dynstg_mm.datasets.transforms import (
    AlignHeading,
    KeepTrackedPerson,
    MapLayout,
    MirrorDirection,
    ResampleRate,
    SampleWindows,
    SideView,
)
from dynstg_mm.skeletons import Layout

SHORTEST = 1.  # seconds of a window, about a stride
Results = dict[str, Any]
Sample = dict[str, Any]  # inputs and data_samples


class TestPipeline:
    """The transforms by which a config prepares a clip for testing.

    Args:
        steps: Settings of the transforms.

    Attributes:
        needs_rate: A clip must have a rate. keeps_one: One person is kept. sees_from_the_side: A 3-D clip, with y up,
        is seen from the side where 2-D ones get one direction. target: The layout that the joints are mapped onto, if
        they are. window: Seconds of a window, or None if a window is not a fixed time.
    """

    def __init__(self, steps: Sequence[Any]) -> None:
        built = Compose(list(steps)).transforms
        self.sees_from_the_side = any(isinstance(step, MirrorDirection) for step in built)
        self.steps = [_FromTheSide(step) if isinstance(step, MirrorDirection) else step for step in built]
        self.cut = next((place for place, step in enumerate(self.steps) if isinstance(step, SampleWindows)), None)
        self.needs_rate = any(isinstance(step, ResampleRate) for step in self.steps)
        self.keeps_one = any(isinstance(step, KeepTrackedPerson) for step in self.steps)
        targets = [step.target for step in self.steps if isinstance(step, MapLayout)]
        self.target: Layout | None = targets[-1] if targets else None
        self.sampler = next((step for step in self.steps if isinstance(step, SampleWindows)), None)
        self.window = self.sampler.duration if self.sampler else None

    def clean(self, results: Results) -> Results:
        """What comes before the windows are cut, which both kinds of windows share."""
        return Compose(self.steps[:self.cut or 0])(results)

    def is_short(self, cleaned: Results) -> bool:
        """Whether a recording is shorter than a window, so that it is the window."""
        return self.sampler is not None and cleaned['total_frames'] < self.sampler.clip_len

    def _sampler_of(self, cleaned: Results) -> SampleWindows | None:
        """The config's sampler; if the recording is shorter, with a window as long as the recording.

        A held pose to the end of the window costs far more accuracy. Only below `SHORTEST` is the last pose held.
        """
        sampler = copy.copy(self.sampler)
        if sampler is not None:
            sampler.short_clips = 'pad'
            if self.is_short(cleaned):
                sampler.clip_len = min(sampler.clip_len, max(cleaned['total_frames'], round(SHORTEST * sampler.rate)))
                sampler.num_clips = 1
        return sampler

    def test_sample(self, cleaned: Results) -> Sample:
        """The sample that testing would give to the model."""
        sampler, cut = self._sampler_of(cleaned), self.cut or 0
        return Compose([*([] if sampler is None else [sampler]), *self.steps[cut + (sampler is not None):]])(
            _copied(cleaned))

    def rolling_samples(self, cleaned: Results, step: float) -> tuple[list[Sample], np.ndarray]:
        """A sample for each of the windows along a recording.

        Args:
            cleaned: From `clean`.
            step: Most seconds from one window to the next.

        Returns:
            The samples; and for each the first and last second in the recording, shape (windows, 2).
        """
        sampler, frames = self._sampler_of(cleaned), cleaned['total_frames']
        if sampler is None or self.cut is None:
            return [], np.empty((0, 2))
        length, rate = sampler.clip_len, sampler.rate
        sampler.num_clips = 1 + math.ceil(max(frames - length, 0) / (step * rate))
        sampler.test_mode = True
        sampled = sampler.transform(_copied(cleaned))
        assert sampled is not None  # short clips are not left out
        first = np.asarray(sampled['frame_inds']).reshape(sampler.num_clips, -1)
        packed = Compose(self.steps[self.cut + 1:])(sampled)
        samples = [dict(inputs=window[None], data_samples=copy.deepcopy(packed['data_samples']))
                   for window in packed['inputs']]
        start = cleaned.get('first_second', 0.) + first[:, 0] / rate
        return samples, np.stack([start, start + length / rate], 1)


class _FromTheSide:
    """`MirrorDirection`, and for a 3-D clip `AlignHeading` and `SideView`.

    Args:
        mirror: The step.
    """

    def __init__(self, mirror: MirrorDirection) -> None:
        self.mirror = mirror
        self.turn = AlignHeading(mirror.own_layout, min_travel=mirror.min_travel)
        self.project = SideView()

    def __call__(self, results: Results) -> Results:
        if results['keypoint'].shape[-1] == 2:
            return self.mirror(results)
        return self.project(self.turn(results))


def _copied(results: Results) -> Results:
    """The results with arrays of their own, since transforms may change them in place."""
    return {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in results.items()}
