"""Transforms that clean a recording: one person, one skeleton, no gaps, one rate."""
import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.logging import MMLogger
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from dynstg_mm.datasets.annotation_file import RATES, is_rate
from dynstg_mm.datasets.transforms.base import LayoutTransform, fail
from dynstg_mm.gait.person import tracked_person
from dynstg_mm.skeletons import apply_joint_map, get_layout, map_joints, parents

_BLOCK = 300_000  # numbers that are filtered and splined at once, which bounds the memory that a long clip takes


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
