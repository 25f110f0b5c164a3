"""Transforms that make gait clips comparable: what gives a class away without the gait is taken out here.

Those of this file, of `augmentations` and of `features` work on MMAction2's results dict: `keypoint` (M, T, V, C) with
C = 2 (pixels) or 3 (any unit of length), `keypoint_score` (M, T, V), `rate` in frames per second, and after
`SampleWindows` and `PoseDecode` on `num_clips` windows that follow each other along T. Those that need the skeleton
layout take it from `GaitDataset`, or with another data set from their own option `layout` (a name or a dict).
`repeatable` ones do the same with a clip every time, so that `GaitDataset` does it once.
"""
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose
from mmengine.logging import MMLogger
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from mmaction.registry import DATASETS, TRANSFORMS

from ..skeletons import apply_joint_map, get_layout, map_joints, mirror_order, parents
from .annotation import RATES, is_rate

UPS = {'y': ((0, 2), (0, 1, 0)), '-y': ((0, 2), (0, -1, 0)), 'z': ((0, 1), (0, 0, 1)), '-z': ((0, 1), (0, 0, -1))}
BACKWARDS = -0.01  # a mean `knee_bend` below which a recording is taken for a mirror image
_BLOCK = 300_000  # numbers that are filtered and splined at once, which bounds the memory that a long clip takes


class ClipError(ValueError):
    """A clip cannot be used; the message names the clip, the field, and what was expected."""


def fail(results, field, message):
    raise ClipError(f'clip {results.get("frame_dir", "?")}: {field}: {message}')


class LayoutTransform(BaseTransform):
    """A transform that needs the skeleton layout."""

    def __init__(self, layout=None):
        self.own_layout = get_layout(layout) if layout is not None else None

    def layout(self, results):
        """The transform's own layout, or the data set's."""
        layout = self.own_layout or results.get('layout')
        if layout is None:
            raise ValueError(f'layout: missing; give the data set one, or {type(self).__name__} itself.')
        joints = results['keypoint'].shape[-2]
        if joints != layout['num_node']:
            fail(results, 'keypoint', f'{joints} joints; the layout of {type(self).__name__} has {layout["num_node"]}.')
        return layout


def windows_of(results):
    """View of the keypoints as windows, shape (M, windows, T, V, C), to be changed in place."""
    keypoint = results['keypoint'] = np.ascontiguousarray(results['keypoint'])
    windows = results.get('num_clips') or 1
    if keypoint.ndim != 4 or keypoint.shape[1] % windows:
        raise ValueError(f'pipeline: keypoint has the shape {keypoint.shape} with num_clips={windows}; transforms of '
                         'windows stand between PoseDecode and FormatGCNInput.')
    return keypoint.reshape(keypoint.shape[0], windows, -1, *keypoint.shape[2:])


def vertical(up):
    """Axes of the floor, and the unit vector upwards.

    Args:
        up (str): The axis that points upwards: 'y', '-y', 'z' or '-z'.
    """
    if up not in UPS:
        raise ValueError(f'up: {up!r}; expected one of {", ".join(UPS)}.')
    return UPS[up]


@TRANSFORMS.register_module()
class KeepTrackedPerson(BaseTransform):
    """Keep one person of a clip that has several: who is seen in most frames, then with the higher score, then larger.

    A frame shows a person of whom it shows half of the joints. The order of the persons does not matter, and persons of
    zeros, which only fill the array, are none. That there were several is said once.
    """

    repeatable = True

    def __init__(self):
        self._said = False

    def transform(self, results):
        keypoint, score = np.asarray(results['keypoint']), results.get('keypoint_score')
        if len(keypoint) < 2:
            return results
        best, persons = tracked_person(keypoint, score)
        if persons > 1 and not self._said:
            MMLogger.get_current_instance().warning(
                f'clip {results.get("frame_dir", "?")}: keypoint: {persons} persons; the one who is seen in most frames '
                'is kept, here and in other clips with several.')
            self._said = True
        results['keypoint'] = keypoint[best:best + 1]
        if score is not None:
            results['keypoint_score'] = np.asarray(score)[best:best + 1]
        return results


def tracked_person(keypoint, score=None):
    """The person that a clip is about: seen in most frames, then with the higher score, then larger.

    Args:
        keypoint (ndarray): (M, T, V, C).
        score (ndarray, optional): (M, T, V), 0 for a lost joint.

    Returns:
        tuple[int, int]: The person, and how many there are.
    """
    seen = (keypoint != 0).any(-1)
    if score is not None:
        seen &= np.asarray(score) > 0
    found = seen.any((1, 2)).nonzero()[0]

    def rank(person):
        there = seen[person]
        confidence = 0. if score is None else float(np.mean(score[person][there], dtype=np.float64))
        return int((there.mean(1) >= 0.5).sum()), confidence, _size(keypoint[person], there)

    return int(max(found, key=rank, default=0)), len(found)


def _size(keypoint, seen):
    """Median over the frames of the diagonal of the box around the seen joints; keypoint (T, V, C), seen (T, V)."""
    frames = seen.any(1)
    points, there = keypoint[frames].astype(np.float64), seen[frames][..., None]
    box = np.where(there, points, -np.inf).max(1) - np.where(there, points, np.inf).min(1)
    return float(np.median(np.linalg.norm(box, axis=-1)))


@TRANSFORMS.register_module()
class MapLayout(BaseTransform):
    """Map the joints onto another layout by their names; the transforms and the model after it see that one.

    Args:
        layout (str | dict): The layout to map onto. The data set's own must name its joints.

    Raises:
        ValueError: A joint of the layout is not to be had from the data set's.
    """

    repeatable = True

    def __init__(self, layout):
        self.target = get_layout(layout)

    def transform(self, results):
        source = results.get('layout')
        if source is None:
            raise ValueError('layout: missing; give the data set the layout of its file, for MapLayout to map from.')
        joints = results['keypoint'].shape[-2]
        if joints != source['num_node']:
            fail(results, 'keypoint', f'{joints} joints; the layout of the data set has {source["num_node"]}.')
        keypoint, score = apply_joint_map(np.asarray(results['keypoint']), results.get('keypoint_score'),
                                          map_joints(source['joints'], self.target))
        results.update(keypoint=keypoint, layout=self.target)
        if score is not None:
            results['keypoint_score'] = score
        return results


@TRANSFORMS.register_module()
class FillMissingJoints(LayoutTransform):
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

    repeatable = True

    def __init__(self, layout=None, *, score_thr=0.05, min_joints=0.5, keep_score=False):
        super().__init__(layout)
        self.score_thr = score_thr
        self.min_joints = min_joints
        self.keep_score = keep_score

    def transform(self, results):
        layout, keypoint = self.layout(results), np.asarray(results['keypoint'], dtype=np.float32)
        seen = np.isfinite(keypoint).all(-1) & (keypoint != 0).any(-1)
        score = results.get('keypoint_score')
        if score is not None:
            seen &= np.nan_to_num(np.asarray(score, dtype=np.float32)) >= self.score_thr
        present = np.flatnonzero((seen.mean(2) >= self.min_joints).any(0))
        if not len(present):
            fail(results, 'keypoint', f'no frame shows at least {self.min_joints:.0%} of the joints.')
        part = slice(present[0], present[-1] + 1)
        keypoint, seen = keypoint[:, part].copy(), seen[:, part]
        for person in range(len(keypoint)):
            fill(keypoint[person], seen[person], layout)
        results.update(keypoint=keypoint, total_frames=keypoint.shape[1])
        results.pop('keypoint_score', None)
        if self.keep_score and score is not None:
            results['keypoint_score'] = np.asarray(score, dtype=np.float32)[:, part]
        return results


def fill(keypoint, seen, layout):
    """Fill one person's unseen joints in place; keypoint (T, V, C), seen (T, V)."""
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
        ClipError: The clip has no rate, or one that no recording has.
    """

    repeatable = True

    def __init__(self, rate=25., *, lowpass=6.):
        self.rate = rate
        self.lowpass = lowpass

    def transform(self, results):
        found = results.get('rate')
        if not is_rate(found):
            fail(results, 'rate', f'{found!r}; expected the recording\'s frames per second, {RATES[0]} to {RATES[1]}.')
        for key in ('keypoint', 'keypoint_score'):
            if results.get(key) is not None:
                results[key] = self._resample_blocks(results[key], float(found), smooth=key == 'keypoint')
        results.update(rate=self.rate, total_frames=results['keypoint'].shape[1])
        return results

    def _resample_blocks(self, array, rate, smooth):
        joints = max(1, _BLOCK * array.shape[2] // array.size) if array.size else 1
        return np.concatenate([self._resample(array[:, :, start:start + joints], rate, smooth)
                               for start in range(0, array.shape[2], joints)], 2)

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


def turn_about_vertical(keypoint, floor, cosine, sine):
    """Turn points (..., 3) in place, in the plane of the two axes `floor`, from the first axis to the second."""
    first, second = keypoint[..., floor[0]].copy(), keypoint[..., floor[1]].copy()
    keypoint[..., floor[0]] = cosine * first - sine * second
    keypoint[..., floor[1]] = sine * first + cosine * second


def leg_length(window, layout):
    """Median over frames of hip to knee to ankle, averaged over the legs, in the keypoints' unit.

    Args:
        window (ndarray): Shape (T, V, C).
        layout (dict): With `legs`.
    """
    if not layout.get('legs'):
        raise ValueError('layout: legs missing; MirrorDirection, AlignHeading and ScaleByLegLength need (hip, knee, '
                         'ankle) of each leg.')
    lengths = []
    for hip, knee, ankle in layout['legs']:
        thigh = np.linalg.norm(window[:, hip] - window[:, knee], axis=-1)
        shank = np.linalg.norm(window[:, knee] - window[:, ankle], axis=-1)
        lengths.append(np.median(thigh + shank))
    return float(np.mean(lengths))


def knee_bend(keypoint, seen, layout, up='y'):
    """How far the knees stand before the line from hip to ankle, as a share of that line; below 0 in a mirror image.

    Before is where somebody looks whose left hip is on the left, with `up` above.

    Args:
        keypoint (ndarray): (T, V, 3).
        seen (ndarray): (T, V), where a joint is not lost.
        layout (dict): With `legs` and `left`.
        up (str): Vertical axis.

    Returns:
        float: Mean over legs and frames; NaN without the two legs of a person in any frame.
    """
    legs = sorted(layout.get('legs', []), key=lambda leg: leg[0] not in layout.get('left', []))  # the left one first
    there = seen[:, [joint for leg in legs for joint in leg]].all(1)
    if len(legs) != 2 or not there.any():
        return np.nan
    place = keypoint[there].astype(np.float64)
    forward = np.cross(place[:, legs[0][0]] - place[:, legs[1][0]], vertical(up)[1])
    forward /= np.maximum(np.linalg.norm(forward, axis=-1, keepdims=True), 1e-12)
    bends = [((place[:, knee] - (place[:, hip] + place[:, ankle]) / 2) * forward).sum(-1)
             / np.maximum(np.linalg.norm(place[:, hip] - place[:, ankle], axis=-1), 1e-12) for hip, knee, ankle in legs]
    return float(np.mean(bends))


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


@TRANSFORMS.register_module()
class TeacherInput(BaseTransform):
    """Keep what a teacher sees of the sample, before the student's skeleton or features part from it.

    It stands where the two part, after what both share, such as `SampleWindows`; `MapLayout` then takes the student to
    its skeleton, and `PackActionInputs(algorithm_keys=('teacher_inputs', ))` hands the result to the distiller.

    Args:
        transforms (list[dict]): What is left to do for the teacher, such as `FormatGCNInput` and `GaitFeatures`.
    """

    def __init__(self, transforms):
        self.transforms = Compose(transforms)

    def transform(self, results):
        own = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in results.items()}
        results['teacher_inputs'] = self.transforms(own)['keypoint']
        return results


@TRANSFORMS.register_module()
class UnlabelledWindows(BaseTransform):
    """Add windows of walks that nobody has labelled, of which a student learns what its teacher says.

    It stands before `PackActionInputs(algorithm_keys=('unlabelled_inputs', ))`; where the other data set's pipeline has a
    `TeacherInput`, the key `unlabelled_teacher_inputs` belongs there, too.

    Args:
        dataset (dict): Data set of the walks; its pipeline makes one window a sample, as the labelled ones are, and ends
            with `PackActionInputs`. Labels that it may have are not read.
        num_windows (int): Windows for each sample, each of a walk drawn by chance; 0 switches them off.
    """

    def __init__(self, dataset, num_windows=1):
        if isinstance(num_windows, bool) or not isinstance(num_windows, int) or num_windows < 0:
            raise ValueError(f'num_windows: {num_windows!r}; expected a whole number from 0.')
        self.dataset, self.num_windows = DATASETS.build(dataset), num_windows

    def transform(self, results):
        if not self.num_windows:
            return results
        drawn = [self.dataset[index] for index in np.random.randint(len(self.dataset), size=self.num_windows)]
        results['unlabelled_inputs'] = np.concatenate([sample['inputs'].numpy() for sample in drawn])
        if 'teacher_inputs' in drawn[0]['data_samples']:
            results['unlabelled_teacher_inputs'] = np.concatenate(
                [sample['data_samples'].teacher_inputs for sample in drawn])
        return results


@TRANSFORMS.register_module()
class ProjectToImage(BaseTransform):
    """Draw centred, scaled windows into a small image, for the heat maps of PoseC3D (`GeneratePoseTarget`).

    3-D windows are seen from the side: x to the right, the vertical axis upwards.

    Args:
        size (int): Height and width of the image in pixels.
        span (float): What the image shows, in the unit of the keypoints; its middle is the origin.
        interval (int): Every how many frames of a window are kept.
        up (str): Vertical axis of 3-D windows.
    """

    def __init__(self, size=32, *, span=3., interval=1, up='y'):
        self.size, self.span, self.interval = size, span, interval
        self.up = np.array(vertical(up)[1], np.float32)

    def transform(self, results):
        windows = windows_of(results)[:, :, ::self.interval]
        if windows.shape[-1] == 3:
            windows = np.stack([windows[..., 0], -(windows @ self.up)], -1)
        results['keypoint'] = (windows / self.span + 0.5).reshape(len(windows), -1, *windows.shape[3:]) * self.size
        results['keypoint_score'] = np.ones(results['keypoint'].shape[:3], np.float32)
        results.update(img_shape=(self.size, self.size), clip_len=windows.shape[2])
        return results
