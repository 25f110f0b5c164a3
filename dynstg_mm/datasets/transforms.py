"""Transforms that make gait clips comparable: what gives a class away without the gait is taken out here.

All work on MMAction2's results dict: `keypoint` (M, T, V, C) with C = 2 (pixels) or 3 (any unit of length),
`keypoint_score` (M, T, V), `rate` in frames per second, and after `SampleWindows` and `PoseDecode` on `num_clips`
windows that follow each other along T. Those that need the skeleton layout take it from `GaitDataset`, or with another
data set from their own option `layout` (a name or a dict).
"""
import numpy as np
from mmcv.transforms import BaseTransform
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from mmaction.registry import TRANSFORMS

from ..skeletons import get_layout, mirror_order, parents


class ClipError(ValueError):
    """A clip cannot be used; the message names the clip, the field, and what was expected."""


def _fail(results, field, message):
    raise ClipError(f'clip {results.get("frame_dir", "?")}: {field}: {message}')


class _LayoutTransform(BaseTransform):
    """A transform that needs the skeleton layout."""

    def __init__(self, layout=None):
        self.own_layout = get_layout(layout) if layout is not None else None

    def layout(self, results):
        """The transform's own layout, or the data set's."""
        layout = self.own_layout or results.get('layout')
        if layout is None:
            raise ValueError(f'layout: missing; give the data set one, or {type(self).__name__} itself.')
        return layout


def _windows(results):
    """View of the keypoints as windows, shape (M, windows, T, V, C), to be changed in place."""
    keypoint = results['keypoint'] = np.ascontiguousarray(results['keypoint'])
    windows = results.get('num_clips') or 1
    return keypoint.reshape(keypoint.shape[0], windows, -1, *keypoint.shape[2:])


@TRANSFORMS.register_module()
class FillMissingJoints(_LayoutTransform):
    """Cut the frames before the person appears and after they leave, and interpolate lost joints in between.

    A joint counts as lost where its score is below `score_thr`, a coordinate is not finite, or all are 0. The centre is
    interpolated linearly over time, the other joints relative to it, so that a joint lost for long walks along with the
    body; both are held at the ends. A joint never seen in the clip is put on its parent.

    Args:
        layout (str | dict, optional): In place of the data set's.
        score_thr (float): Lowest score of a joint that counts as seen, in [0, 1].
        min_joints (float): Share of joints that must be seen for the person to count as present.
        keep_score (bool): Keep the score as a feature for `FormatGCNInput`. Off by default: it tells about the camera
            and the pose estimator, not about the gait.

    Raises:
        ClipError: No frame shows a person.
    """

    def __init__(self, layout=None, *, score_thr=0.05, min_joints=0.5, keep_score=False):
        super().__init__(layout)
        self.score_thr = score_thr
        self.min_joints = min_joints
        self.keep_score = keep_score

    def transform(self, results):
        keypoint = np.asarray(results['keypoint'], dtype=np.float32)
        seen = np.isfinite(keypoint).all(-1) & (keypoint != 0).any(-1)
        score = results.get('keypoint_score')
        if score is not None:
            seen &= np.nan_to_num(np.asarray(score, dtype=np.float32)) >= self.score_thr
        present = np.flatnonzero((seen.mean(2) >= self.min_joints).any(0))
        if not len(present):
            _fail(results, 'keypoint', f'no frame shows at least {self.min_joints:.0%} of the joints.')
        part = slice(present[0], present[-1] + 1)
        keypoint, seen = keypoint[:, part].copy(), seen[:, part]
        for person in range(len(keypoint)):
            _fill(keypoint[person], seen[person], self.layout(results))
        results.update(keypoint=keypoint, total_frames=keypoint.shape[1])
        results.pop('keypoint_score', None)
        if self.keep_score and score is not None:
            results['keypoint_score'] = np.asarray(score, dtype=np.float32)[:, part]
        return results


def _fill(keypoint, seen, layout):
    """Fill one person's joints in place; keypoint (T, V, C), seen (T, V)."""
    parent, center_joint = parents(layout), layout['center']
    center = keypoint[:, center_joint]
    if seen[:, center_joint].any():
        _interpolate(center, seen[:, center_joint])
    else:  # the middle of what is seen stands in for a centre that never is
        center[:] = (keypoint * seen[..., None]).sum(1) / np.maximum(seen.sum(1), 1)[:, None]
        _interpolate(center, seen.any(1))
    path = center.copy()
    keypoint -= path[:, None]
    never = []
    for joint in range(keypoint.shape[1]):
        if seen[:, joint].any():
            _interpolate(keypoint[:, joint], seen[:, joint])
        else:
            never.append(joint)
    for joint in never:
        ancestor = joint
        while ancestor in never and ancestor != parent[ancestor]:
            ancestor = parent[ancestor]
        keypoint[:, joint] = 0 if ancestor in never else keypoint[:, ancestor]
    keypoint += path[:, None]


def _interpolate(track, seen):
    """Fill the unseen frames of one joint's track (T, C) in place."""
    known = np.flatnonzero(seen)
    if 0 < len(known) < len(track):
        for axis in range(track.shape[1]):
            track[:, axis] = np.interp(np.arange(len(track)), known, track[known, axis])


@TRANSFORMS.register_module()
class ResampleRate(BaseTransform):
    """Bring a clip to one frame rate, in seconds, after a low-pass that leaves every rate the same band.

    Without the low-pass the noise that a higher rate carries would still tell the recordings apart. The filter is the
    zero-lag Butterworth of second order that gait laboratories use (Winter 2009), run forwards and backwards.

    Args:
        rate (float): Frames per second of the result.
        lowpass (float, optional): Cut-off in Hz; None leaves the clip unfiltered.

    Raises:
        ClipError: The clip has no rate, or one that is not positive.
    """

    def __init__(self, rate=25., *, lowpass=6.):
        self.rate = rate
        self.lowpass = lowpass

    def transform(self, results):
        found = results.get('rate')
        if not (isinstance(found, (int, float, np.number)) and np.isfinite(found) and found > 0):
            _fail(results, 'rate', f'{found!r}; expected the recording\'s frames per second.')
        for key in ('keypoint', 'keypoint_score'):
            if key in results:
                results[key] = self._resample(results[key], float(found), smooth=key == 'keypoint')
        results.update(rate=self.rate, total_frames=results['keypoint'].shape[1])
        return results

    def _resample(self, array, rate, smooth):
        frames = array.shape[1]
        if frames < 4:  # too short for a spline; such a clip is refused by SampleWindows
            return array
        if smooth and self.lowpass and self.lowpass < rate / 2:
            sos = butter(2, self.lowpass, fs=rate, output='sos')
            array = sosfiltfilt(sos, array, axis=1, padlen=min(frames - 1, round(rate)))
        if rate != self.rate:
            seconds = np.arange(0, (frames - 1) / rate + 1e-9, 1 / self.rate)
            spline = CubicSpline(np.arange(frames) / rate, array, axis=1) if smooth else None
            nearest = np.minimum(np.round(seconds * rate).astype(int), frames - 1)
            array = spline(seconds) if smooth else array[:, nearest]
        return array.astype(np.float32)


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
        self.duration = duration
        self.rate = rate
        self.num_clips = num_clips
        self.test_mode = test_mode

    def transform(self, results):
        frames = results['total_frames']
        if frames < self.clip_len:
            _fail(results, 'keypoint', f'{frames} frames at {self.rate:g} per second show a person; a window of '
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
class MirrorDirection(_LayoutTransform):
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
        layout, windows = self.layout(results), _windows(results)
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


def leg_length(window, layout):
    """Median over frames of hip to knee to ankle, averaged over the legs, in the keypoints' unit.

    Args:
        window (ndarray): Shape (T, V, C).
        layout (dict): With `legs`.
    """
    if not layout.get('legs'):
        raise ValueError('layout: legs missing; MirrorDirection and ScaleByLegLength need (hip, knee, ankle) of each '
                         'leg.')
    lengths = []
    for hip, knee, ankle in layout['legs']:
        thigh = np.linalg.norm(window[:, hip] - window[:, knee], axis=-1)
        shank = np.linalg.norm(window[:, knee] - window[:, ankle], axis=-1)
        lengths.append(np.median(thigh + shank))
    return float(np.mean(lengths))


@TRANSFORMS.register_module()
class CenterSkeleton(_LayoutTransform):
    """Put the origin on the layout's centre joint, in every frame.

    Args:
        layout (str | dict, optional): In place of the data set's.
    """

    def transform(self, results):
        keypoint, center = results['keypoint'], self.layout(results)['center']
        results['keypoint'] = keypoint - keypoint[:, :, center:center + 1]
        return results


@TRANSFORMS.register_module()
class ScaleByLegLength(_LayoutTransform):
    """Divide every window by the person's leg length, so that neither height nor distance from the camera is left.

    Args:
        layout (str | dict, optional): In place of the data set's; `legs` is needed.

    Raises:
        ClipError: The legs have no length, so that there is nothing to scale by.
    """

    def transform(self, results):
        layout, windows = self.layout(results), _windows(results)
        for person, window in np.ndindex(windows.shape[:2]):
            one = windows[person, window]
            length = leg_length(one, layout)
            if length > 0:
                one /= length
            elif person == 0:  # further persons may be padding
                _fail(results, 'keypoint', 'the legs have length 0; hips, knees and ankles are all in one place.')
        return results


@TRANSFORMS.register_module()
class GaitFeatures(_LayoutTransform):
    """Stack the features of each window along the channels; it follows `FormatGCNInput`.

    Names are those of MMAction2's `GenSkeFeat`, here for any layout: `j` joints, `b` bones (joint minus parent), `jm`
    and `bm` their change per second (central differences inside the window).

    Args:
        layout (str | dict, optional): In place of the data set's.
        feats (list[str]): Any of 'j', 'b', 'jm', 'bm', in the order of the channels.
        rate (float): Frames per second, which turns differences into change per second.
    """

    def __init__(self, layout=None, feats=('j', ), *, rate=25.):
        super().__init__(layout)
        unknown = set(feats) - {'j', 'b', 'jm', 'bm'}
        if unknown or not feats:
            raise ValueError(f'feats: {sorted(unknown)} unknown; choose from j, b, jm, bm.')
        self.feats = tuple(feats)
        self.rate = rate

    def transform(self, results):
        joint = results['keypoint']  # (windows, M, T, V, C)
        sources = dict(j=joint, b=joint - joint[..., parents(self.layout(results)), :])
        stack = [sources[name] if name in sources else np.gradient(sources[name[0]], 1 / self.rate, axis=2)
                 for name in self.feats]
        results['keypoint'] = np.concatenate(stack, axis=-1).astype(np.float32)
        return results
