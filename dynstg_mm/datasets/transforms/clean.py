"""Transforms that clean a recording: one person, one skeleton, no gaps, one rate."""
import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.logging import MMLogger

from dynstg_mm.datasets.transforms.base import LayoutTransform, Results
from dynstg_mm.gait.cleaning import (
    check_joints,
    fill_missing_joints,
    keep_tracked_person,
    require_keypoint,
    require_layout,
    resample_clip,
)
from dynstg_mm.gait.joint_map import apply_joint_map
from dynstg_mm.gait.person import tracked_person
from dynstg_mm.gait.visibility import MIN_JOINTS, SCORE_THR
from dynstg_mm.skeletons import Layout, get_layout, map_joints


@TRANSFORMS.register_module()
class KeepTrackedPerson(BaseTransform):
    """Keep the person whom a clip is about, if it shows several.

    It is the one who is seen in most frames (at least half of the joints), then with the higher score, then the larger
    one. The order of the persons does not matter, and persons of zeros, which only fill the array, do not count. The
    first clip with several persons is logged.
    """

    repeatable = True

    def __init__(self) -> None:
        self._logged = False

    def transform(self, results: Results) -> Results:
        """Keep one person."""
        if len(require_keypoint(results)) < 2:
            return results
        _, persons = tracked_person(np.asarray(results['keypoint']), results.get('keypoint_score'))
        if persons > 1 and not self._logged:
            MMLogger.get_current_instance().warning(
                f'clip {results.get("frame_dir", "?")}: keypoint: {persons} persons; the one seen in most frames is '
                'kept, here and in other clips with several.')
            self._logged = True
        return keep_tracked_person(results)


@TRANSFORMS.register_module()
class MapLayout(BaseTransform):
    """Map the joints onto another layout by their names; later transforms and the model see that one.

    Args:
        layout: The layout to map onto. The data set's own must name its joints.

    Raises:
        ConfigError: The data set's layout lacks a joint.
    """

    repeatable = True

    def __init__(self, layout: str | Layout) -> None:
        self.target = get_layout(layout)

    def transform(self, results: Results) -> Results:
        """Map keypoints and scores."""
        source = require_layout(results.get('layout'), 'MapLayout')
        check_joints(results, source, 'the data set')
        keypoint, score = apply_joint_map(np.asarray(results['keypoint']), results.get('keypoint_score'),
                                          map_joints(source['joints'], self.target))
        results.update(keypoint=keypoint, layout=self.target)
        if score is not None:
            results['keypoint_score'] = score
        return results


@TRANSFORMS.register_module()
class FillMissingJoints(LayoutTransform):
    """Cut the frames before the person appears and after they leave, and interpolate lost joints in between.

    A joint is lost if its score is 0 or below `score_thr`, a coordinate is not finite, or all are 0. The pelvis is
    interpolated linearly over time, the other joints relative to it, so that a joint that is lost for long moves along
    with the body. A joint that is never seen is put on its parent, a hip on the pelvis.

    Args:
        layout: Replaces the data set's.
        score_thr: Lowest score of a joint that counts as seen, in [0, 1].
        min_joints: Share of the joints that must be seen for the person to count as present.
        keep_score: Keep the score as a feature for `FormatGCNInput`. Off by default: it describes the camera and the
            pose estimator, not the gait.

    Raises:
        ClipError: No frame shows a person.
    """

    repeatable = True

    def __init__(self, layout: str | Layout | None = None, *, score_thr: float = SCORE_THR,
                 min_joints: float = MIN_JOINTS, keep_score: bool = False) -> None:
        super().__init__(layout)
        self.score_thr = score_thr
        self.min_joints = min_joints
        self.keep_score = keep_score

    def transform(self, results: Results) -> Results:
        """Cut and fill."""
        return fill_missing_joints(results, self.layout(results), score_thr=self.score_thr,
                                   min_joints=self.min_joints, keep_score=self.keep_score)


@TRANSFORMS.register_module()
class ResampleRate(BaseTransform):
    """Bring a clip to one frame rate, in seconds, after a low-pass filter.

    Without the filter, the noise of a higher rate would still distinguish the recordings. It is the zero-lag
    Butterworth filter of second order that gait laboratories use (Winter 2009), run forwards and backwards.

    Args:
        rate: Frames per second of the result.
        lowpass: Cut-off in Hz; None for no filter.

    Raises:
        ClipError: The clip has no rate, or an impossible one.
    """

    repeatable = True

    def __init__(self, rate: float = 25., *, lowpass: float | None = 6.) -> None:
        self.rate = rate
        self.lowpass = lowpass

    def transform(self, results: Results) -> Results:
        """Filter and resample."""
        return resample_clip(results, self.rate, self.lowpass)
