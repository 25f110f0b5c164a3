"""Transforms that cut windows and take out place, direction and size."""
import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from dynstg_mm.datasets.transforms.base import LayoutTransform, fail, windows_of
from dynstg_mm.gait.geometry import leg_length, turn_about_vertical, vertical
from dynstg_mm.skeletons import mirror_order


@TRANSFORMS.register_module()
class SampleWindows(BaseTransform):
    """Choose windows of one duration at the clip's real rate, for `PoseDecode` to cut out.

    One random window in training; in test mode `num_clips` windows spread evenly from the first frame to the last.
    Frames are never skipped or stretched, so that the cadence stays what it was.

    Args:
        duration (float): Length of a window in seconds.
        rate (float): Frames per second of the clips at this point of the pipeline.
        num_clips (int): Windows of a clip.
        test_mode (bool): Evenly spread instead of random.

    Raises:
        ClipError: The clip is shorter than one window.
    """

    def __init__(self, duration, *, rate=25., num_clips=1, test_mode=False):
        self.clip_len = round(duration * rate)
        if self.clip_len < 2 or num_clips < 1:
            raise ValueError(f'duration: {duration!r} s at {rate!r} frames per second in {num_clips!r} windows; '
                             'expected at least 2 frames in 1 window.')
        self.duration = duration
        self.rate = rate
        self.num_clips = num_clips
        self.test_mode = test_mode

    def transform(self, results):
        frames = results['total_frames']
        if frames < self.clip_len:
            fail(results, 'keypoint', f'{frames} frames at {self.rate:g} per second show a person; a window of '
                  f'{self.duration:g} s needs {self.clip_len}.')
        last = frames - self.clip_len
        if self.test_mode:
            starts = np.linspace(0, last, self.num_clips).round().astype(int)
        else:
            starts = np.random.randint(0, last + 1, self.num_clips)
        results.update(frame_inds=(starts[:, None] + np.arange(self.clip_len)).ravel(), clip_len=self.clip_len,
                       frame_interval=None, num_clips=self.num_clips)
        return results


@TRANSFORMS.register_module()
class MirrorDirection(LayoutTransform):
    """Mirror windows in which the person walks towards smaller x, so that everyone walks one way.

    The direction comes from the data: the displacement of the centre, or, for someone who hardly moves, where the toes
    point. Mirroring negates x and swaps left and right joints, as filming from the other side would.

    Args:
        layout (str | dict, optional): In place of the data set's; `left` and `right` are needed.
        min_travel (float): Displacement, in leg lengths, above which it tells the direction.
    """

    def __init__(self, layout=None, *, min_travel=0.25):
        super().__init__(layout)
        self.min_travel = min_travel

    def transform(self, results):
        layout, windows = self.layout(results), windows_of(results)
        for person, window in np.ndindex(windows.shape[:2]):
            one = windows[person, window]
            if self._backwards(one, layout):
                one[:] = one[:, mirror_order(layout)]
                one[..., 0] *= -1
        return results

    def _backwards(self, window, layout):
        x = window[..., 0]
        travel = x[-1, layout['center']] - x[0, layout['center']]
        if abs(travel) > self.min_travel * leg_length(window, layout):
            return travel < 0
        return sum((x[:, toe] - x[:, heel]).mean() for heel, toe in layout.get('feet', [])) < 0


@TRANSFORMS.register_module()
class AlignHeading(LayoutTransform):
    """Turn every window of a 3-D clip about the vertical so that the person walks towards +x.

    The direction is that of the centre's displacement on the floor; of someone who hardly moves, that of the toes from
    the heels, or in a layout without feet across the hips, in right-handed axes.

    Args:
        layout (str | dict, optional): In place of the data set's; `legs` is needed.
        up (str): The axis that points upwards: 'y', '-y', 'z' or '-z'.
        min_travel (float): Displacement, in leg lengths, above which it tells the direction.

    Raises:
        ClipError: The clip is 2-D; there `MirrorDirection` does what can be done.
    """

    def __init__(self, layout=None, *, up='y', min_travel=0.25):
        super().__init__(layout)
        self.floor, self.up = vertical(up)
        self.min_travel = min_travel

    def transform(self, results):
        channels = results['keypoint'].shape[-1]
        if channels != 3:
            fail(results, 'keypoint', f'{channels} coordinates; AlignHeading turns 3-D clips, and 2-D ones are for '
                 'MirrorDirection.')
        layout, windows = self.layout(results), windows_of(results)
        for person, window in np.ndindex(windows.shape[:2]):
            one = windows[person, window]
            x, side = self._heading(one, layout)
            length = np.hypot(x, side)
            if length > 0:
                turn_about_vertical(one, self.floor, x / length, -side / length)
        return results

    def _heading(self, window, layout):
        """Horizontal vector of the walk; window (T, V, 3)."""
        floor = list(self.floor)
        center = window[:, layout['center']]
        travel = (center[-1] - center[0])[floor]
        if np.linalg.norm(travel) > self.min_travel * leg_length(window, layout):
            return travel
        if layout.get('feet'):
            return sum((window[:, toe] - window[:, heel]).mean(0) for heel, toe in layout['feet'])[floor]
        left, right = ([window[:, hip].mean(0) for hip, _, _ in layout['legs'] if hip in layout.get(side, [])]
                       for side in ('left', 'right'))
        if not left or not right:
            raise ValueError('layout: left and right missing for the hips; AlignHeading needs them, or feet.')
        return np.cross(left[0] - right[0], self.up)[floor]


@TRANSFORMS.register_module()
class SideView(BaseTransform):
    """See a 3-D clip as a camera beside the walk does: x ahead, y down. Stands behind `AlignHeading`.

    What was learnt from video then fits motion capture, and `TeacherInput` before it lets a teacher on motion capture
    teach a student on video.

    Args:
        up (str): The axis that points upwards: 'y', '-y', 'z' or '-z'.

    Raises:
        ClipError: The clip is 2-D.
    """

    def __init__(self, *, up='y'):
        self.floor, self.up = vertical(up)

    def transform(self, results):
        keypoint = np.asarray(results['keypoint'])
        if keypoint.shape[-1] != 3:
            fail(results, 'keypoint', f'{keypoint.shape[-1]} coordinates; SideView takes 3-D clips.')
        results['keypoint'] = np.stack([keypoint[..., self.floor[0]], -(keypoint @ self.up)], -1).astype(keypoint.dtype)
        return results


@TRANSFORMS.register_module()
class CenterSkeleton(LayoutTransform):
    """Put the origin on the layout's centre joint, so that the place in the image or in the room is taken out.

    Args:
        by (str): 'frame': on its place in every frame; 'window': on its mean place over the window, which leaves in how
            fast somebody walks and how much the pelvis rises and sways.
        layout (str | dict, optional): In place of the data set's.
    """

    def __init__(self, by='frame', **kwargs):
        super().__init__(**kwargs)
        if by not in ('frame', 'window'):
            raise ValueError(f'by: {by!r}; expected frame or window.')
        self.by = by

    def transform(self, results):
        windows, center = windows_of(results), self.layout(results)['center']
        origin = windows[:, :, :, center:center + 1]
        if self.by == 'window':
            origin = origin.mean(2, keepdims=True)
        results['keypoint'] = (windows - origin).reshape(results['keypoint'].shape)
        return results


@TRANSFORMS.register_module()
class ScaleByLegLength(LayoutTransform):
    """Divide every window by the person's leg length, so that neither height nor distance from the camera is left.

    Args:
        layout (str | dict, optional): In place of the data set's; `legs` is needed.

    Raises:
        ClipError: The legs have no length, so that there is nothing to scale by.
    """

    def transform(self, results):
        layout, windows = self.layout(results), windows_of(results)
        for person, window in np.ndindex(windows.shape[:2]):
            one = windows[person, window]
            length = leg_length(one, layout)
            if length > 0:
                one /= length
            elif person == 0:  # further persons may be padding
                fail(results, 'keypoint', 'the legs have length 0; hips, knees and ankles are all in one place.')
        return results
