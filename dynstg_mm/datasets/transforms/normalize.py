"""Transforms that cut windows and remove place, direction and size."""
from typing import Any

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from dynstg_mm.datasets.transforms.base import LayoutTransform, Results, windows_of
from dynstg_mm.errors import ConfigError
from dynstg_mm.gait.cleaning import check_length, clip_error
from dynstg_mm.gait.geometry import MIN_TRAVEL, align_heading, leg_length, mirror_direction, vertical
from dynstg_mm.gait.pelvis import pelvis
from dynstg_mm.gait.signal import resample, window_frames, window_starts
from dynstg_mm.skeletons import Layout

SHORT_CLIPS = ('pad', 'drop', 'refuse')


@TRANSFORMS.register_module()
class StretchClip(BaseTransform):
    """Stretch or shrink a whole clip to a number of frames, by splines, for actions that are of one kind at any pace.

    It follows `FillMissingJoints`. The duration is lost, so that gait should be cut by `SampleWindows` instead.

    Args:
        frames: Number of frames of the result. A clip of fewer than 4 is left as it is.
    """

    repeatable = True

    def __init__(self, frames: int = 64) -> None:
        if frames < 2:
            raise ConfigError(f'frames: {frames!r}; expected at least 2.')
        self.frames = frames

    def transform(self, results: Results) -> Results:
        """Resample keypoints, and scores if there are some."""
        for key in {'keypoint', 'keypoint_score'} & set(results):
            track = np.asarray(results[key])
            last = max(track.shape[1] - 1, 1)
            results[key] = resample(track, last, self.frames - 1, nearest=key != 'keypoint')
        results['total_frames'] = results['keypoint'].shape[1]
        return results


@TRANSFORMS.register_module()
class SampleWindows(BaseTransform):
    """Choose windows of one duration at the clip's real rate, for `PoseDecode` to cut out.

    One random window in training; in test mode `num_clips` windows spread evenly from the first frame to the last.
    Frames are never skipped or stretched, so the cadence does not change.

    Args:
        duration: Length of a window in seconds.
        rate: Frames per second of the clips at this point of the pipeline.
        num_clips: Windows per clip.
        test_mode: Spread evenly instead of at random.
        short_clips: What to do with a clip that is shorter than a window. 'pad': hold its last pose, and set `padded`
            in the results. 'drop': leave it out; `GaitDataset` does so when it reads the file. 'refuse': an error.

    Raises:
        ClipError: The clip is shorter than one window, and neither padded nor left out.
    """

    def __init__(self, duration: float, *, rate: float = 25., num_clips: int = 1, test_mode: bool = False,
                 short_clips: str = 'pad') -> None:
        self.clip_len = round(duration * rate)
        if short_clips not in SHORT_CLIPS:
            raise ConfigError(f'short_clips: {short_clips!r}; expected one of {", ".join(SHORT_CLIPS)}.')
        self.short_clips = short_clips
        if self.clip_len < 2 or num_clips < 1:
            raise ConfigError(f'duration: {duration!r} s at {rate!r} frames per second in {num_clips!r} windows; '
                              'expected at least 2 frames in 1 window.')
        self.duration = duration
        self.rate = rate
        self.num_clips = num_clips
        self.test_mode = test_mode

    def transform(self, results: Results) -> Results | None:
        """Choose the frames of the windows; None leaves a short clip out of the training."""
        frames = results['total_frames']
        padded = frames < self.clip_len
        if padded and self.short_clips == 'drop' and not self.test_mode:
            return None
        if self.short_clips != 'pad':
            check_length(results, self.duration, self.rate)
        if padded or self.test_mode:
            starts = window_starts(frames, self.clip_len, self.num_clips)
        else:
            starts = np.random.randint(0, frames - self.clip_len + 1, self.num_clips)
        inds = window_frames(starts, self.clip_len, frames)
        results.update(frame_inds=inds.ravel(), clip_len=self.clip_len, frame_interval=None, num_clips=self.num_clips,
                       padded=padded)
        return results


@TRANSFORMS.register_module()
class MirrorDirection(LayoutTransform):
    """Mirror windows in which the person walks towards smaller x, so that everyone walks the same way.

    The direction is that of the pelvis's displacement or, for someone who hardly moves, of the toes, and in a layout
    without feet of the knees. Mirroring negates x and swaps left and right joints, as if filmed from the other side.

    Args:
        layout: Replaces the data set's; `left` and `right` are needed.
        min_travel: Displacement, in leg lengths, above which it gives the direction.
    """

    def __init__(self, layout: str | Layout | None = None, *, min_travel: float = MIN_TRAVEL) -> None:
        super().__init__(layout)
        self.min_travel = min_travel

    def transform(self, results: Results) -> Results:
        """Mirror each window that needs it."""
        layout, windows = self.layout(results), windows_of(results)
        for person, window in np.ndindex(windows.shape[:2]):
            mirror_direction(windows[person, window], layout, self.min_travel)
        return results


@TRANSFORMS.register_module()
class AlignHeading(LayoutTransform):
    """Turn every window of a 3-D clip about the vertical so that the person walks towards +x.

    The direction is that of the pelvis's displacement on the floor; for someone who hardly moves it is that from the
    heels to the toes, or in a layout without feet the one across the hips, in right-handed axes.

    Args:
        layout: Replaces the data set's; `legs` is needed.
        up: The axis that points upwards: 'y', '-y', 'z' or '-z'.
        min_travel: Displacement, in leg lengths, above which it gives the direction.

    Raises:
        ClipError: The clip is 2-D; use `MirrorDirection` there.
    """

    def __init__(self, layout: str | Layout | None = None, *, up: str = 'y', min_travel: float = MIN_TRAVEL) -> None:
        super().__init__(layout)
        vertical(up)  # raises if it is none
        self.up, self.min_travel = up, min_travel

    def transform(self, results: Results) -> Results:
        """Turn each window."""
        channels = results['keypoint'].shape[-1]
        if channels != 3:
            raise clip_error(results, 'keypoint', f'{channels} coordinates; AlignHeading turns 3-D clips, use '
                             'MirrorDirection for 2-D ones.')
        layout, windows = self.layout(results), windows_of(results)
        for person, window in np.ndindex(windows.shape[:2]):
            align_heading(windows[person, window], layout, self.up, self.min_travel)
        return results


@TRANSFORMS.register_module()
class SideView(BaseTransform):
    """See a 3-D clip as a camera beside the walk does: x ahead, y down. It follows `AlignHeading`.

    A model trained on video then accepts motion capture, and with `TeacherInput` before it, a teacher on motion capture
    can teach a student on video.

    Args:
        up: The axis that points upwards: 'y', '-y', 'z' or '-z'.

    Raises:
        ClipError: The clip is 2-D.
    """

    def __init__(self, *, up: str = 'y') -> None:
        self.floor, self.up = vertical(up)

    def transform(self, results: Results) -> Results:
        """Project the keypoints."""
        keypoint = np.asarray(results['keypoint'])
        if keypoint.shape[-1] != 3:
            raise clip_error(results, 'keypoint', f'{keypoint.shape[-1]} coordinates; SideView needs 3-D clips.')
        results['keypoint'] = np.stack([keypoint[..., self.floor[0]], -(keypoint @ self.up)], -1).astype(keypoint.dtype)
        return results


@TRANSFORMS.register_module()
class CenterSkeleton(LayoutTransform):
    """Put the origin on the pelvis, which removes the place in the image or in the room.

    The pelvis is the joint of that name or the mean of the hips, wherever the layout's graph has its root.

    Args:
        by: 'frame': the pelvis's place in every frame; 'window': its mean place over the window, which keeps the
            walking speed and the rise and sway of the pelvis.
        layout: Replaces the data set's.
    """

    def __init__(self, by: str = 'frame', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if by not in ('frame', 'window'):
            raise ConfigError(f'by: {by!r}; expected frame or window.')
        self.by = by

    def transform(self, results: Results) -> Results:
        """Subtract the place of the pelvis."""
        windows = windows_of(results)
        origin = pelvis(windows, self.layout(results))[..., None, :]
        if self.by == 'window':
            origin = origin.mean(2, keepdims=True)
        results['keypoint'] = (windows - origin).reshape(results['keypoint'].shape)
        return results


@TRANSFORMS.register_module()
class ScaleByLegLength(LayoutTransform):
    """Divide every window by the person's leg length, which removes body height and distance from the camera.

    Args:
        layout: Replaces the data set's; `legs` is needed.

    Raises:
        ClipError: The legs have no length, so that there is nothing to scale by.
    """

    def transform(self, results: Results) -> Results:
        """Scale each window."""
        layout, windows = self.layout(results), windows_of(results)
        for person, window in np.ndindex(windows.shape[:2]):
            one = windows[person, window]
            length = leg_length(one, layout)
            if length > 0:
                one /= length
            elif person == 0:  # further persons may be padding
                raise clip_error(results, 'keypoint',
                                 'the legs have length 0: hips, knees and ankles are in one place.')
        return results
