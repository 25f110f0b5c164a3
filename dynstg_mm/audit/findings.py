"""What an audit can find, and what it found."""
import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

from dynstg_mm.datasets.annotation_file import Fault

LEVELS = ('error', 'warning', 'info')


class Kind(NamedTuple):
    """A kind of finding."""

    level: str  # of `LEVELS`
    field: str  # of the annotation file
    message: str  # what it is
    reason: str  # why it matters
    advice: str  # what to do


_REFUSED = 'GaitDataset refuses the file.'
_SHORTCUT = 'A model can learn the class from it instead of from the gait.'

KINDS = {
    # what GaitDataset or its pipeline refuses
    'annotation': Kind('error', 'annotations', 'an annotation is not a dict with the name of the clip in frame_dir',
                       _REFUSED, 'Write one dict for each clip.'),
    'name': Kind('error', 'frame_dir', 'several clips have the same name',
                 'Splits name clips, so one of them could not be found.', 'Give every clip a name of its own.'),
    'keypoint': Kind('error', 'keypoint', 'not an array of numbers (persons, frames, joints, 2 or 3) of positive size',
                     _REFUSED, 'Convert the clip again.'),
    'joint_count': Kind('error', 'keypoint', 'the number of joints or coordinates differs from the layout or from most '
                        'clips', 'A model needs the same joints in every clip.', 'Convert all clips to one layout.'),
    'nan': Kind('error', 'keypoint', 'NaN, infinite or impossibly large numbers',
                'A single one makes the whole output NaN.', 'Write a lost joint as zeros with score 0.'),
    'score': Kind('error', 'keypoint_score', 'not an array of finite numbers (persons, frames, joints)', _REFUSED,
                  'Write one score per joint, or leave the field out.'),
    'nobody': Kind('error', 'keypoint', 'no frame shows a person with half of the joints',
                   'The pipeline cannot use the clip.', 'Leave the clip out.'),
    'total_frames': Kind('error', 'total_frames', 'differs from the number of frames in keypoint', _REFUSED,
                         'Write keypoint.shape[1].'),
    'rate': Kind('error', 'rate', 'not a possible frame rate', 'Windows are cut in seconds, so the rate must be known.',
                 'Write the frames per second of the recording.'),
    'label': Kind('error', 'label', 'not a class number from 0', _REFUSED, 'Number the classes from 0.'),
    'subject': Kind('error', 'subject', 'missing, or neither a line of text nor a whole number',
                    'Without it, the same person could be in both training and test.',
                    'Write who walks in each clip.'),
    'origin': Kind('error', 'site', 'a site, camera, estimator, session or data set is neither a line of text nor a '
                   'number', _REFUSED, 'Write its name, or leave the field out.'),
    'target': Kind('error', 'targets', 'a score is not described, or is none of its scale', _REFUSED,
                   'Correct the score, or write None where it is missing.'),
    'classes': Kind('error', 'classes', 'not a list of different names', _REFUSED,
                    'Write one name for each class, in the order of the labels.'),
    'wrong_layout': Kind('error', 'layout', 'not a skeleton layout', _REFUSED,
                         'Write the name of a layout, or a dict that describes one.'),
    'split': Kind('error', 'split', 'not lists that name existing clips once each', _REFUSED, 'Make the splits again.'),
    'too_short': Kind('error', 'keypoint', 'shorter than one window', 'The pipeline cannot use the clip.',
                      'Leave the clips out, or choose a shorter window.'),
    # what invalidates a result
    'subject_leak': Kind('error', 'subject', 'a person is on both sides of a split',
                         'A model recognises a person it was trained on, so the result is too good.',
                         'Make the folds by subject.'),
    'recording_leak': Kind('error', 'keypoint', 'a recording is on both sides of a split',
                           'The model is tested on what it was trained on, so the result is too good.',
                           'Keep only one of the copies.'),
    'label_conflict': Kind('error', 'label', 'one recording has two classes in one task',
                           'At least one of the labels is wrong.', 'Find out which one is right.'),
    'untrained_class': Kind('error', 'label', 'a class is tested, but the training part has no clip of it',
                            'The model cannot predict a class it has never seen.', 'Make the splits again.'),
    'metadata': Kind('error', 'rate', 'the metadata of the recordings alone predict the class far above chance level',
                     _SHORTCUT, 'ResampleRate removes the rate, SampleWindows the length, FillMissingJoints the '
                     'missing joints. Report this control beside every result. Use --allow metadata then.'),
    # what is worth knowing before training
    'metadata_trace': Kind('warning', 'rate', 'the metadata of the recordings alone predict the class above chance '
                           'level', _SHORTCUT, 'ResampleRate removes the rate, SampleWindows the length, '
                           'FillMissingJoints the missing joints. Report this control beside every result.'),
    'place': Kind('warning', 'keypoint', 'place, size or direction alone predicts the class above chance level',
                  _SHORTCUT, 'CenterSkeleton removes the place, ScaleByLegLength the size, MirrorDirection (2-D) or '
                  'AlignHeading (3-D) the direction.'),
    'site_class': Kind('warning', 'site', 'the site, camera, estimator or session alone predicts the class above '
                       'chance level', 'A model that recognises the site then knows the class without the gait.',
                       'Compare within one site, test on a site left out, or train with balance=site,label.'),
    'site_known': Kind('warning', 'site', 'the keypoints reveal where a clip is from, as a model sees them',
                       'Where classes differ between sites, a model can learn the site instead of the gait.',
                       'Test on a site that the model has not seen: join makes such splits.'),
    'several_sites': Kind('warning', 'subject', 'a person is at several sites',
                          'Where a whole site is left out, the model knows whom it is tested on.',
                          'Give different people different names, or fold by person too (join --same-people).'),
    'counted_twice': Kind('warning', 'keypoint', 'one recording has several clip names on the same side of a split',
                          'It counts twice, and other folds may separate the copies.', 'Keep only one of the copies.'),
    'two_names': Kind('warning', 'subject', 'one recording has two subjects', 'Folds may separate the copies.',
                      'Find out who it is.'),
    'alike_subjects': Kind('warning', 'subject', 'two subjects differ only in case, spaces or zeros',
                           'If they are one person, a split may have them on both sides.', 'Use one spelling.'),
    'alike_classes': Kind('warning', 'classes', 'two classes differ only in case, spaces or zeros',
                          'One class is probably counted as two.', 'Use one spelling.'),
    'two_classes': Kind('warning', 'label', 'a subject has clips of several classes in one task',
                        'A label may be wrong, and folds are not stratified by subject.', 'Check the labels.'),
    'one_sided_class': Kind('warning', 'split', 'a class is missing on one side of a split',
                            'Its scores cannot be computed there.', 'Make stratified folds.'),
    'few_subjects': Kind('warning', 'subject', 'a class has fewer than 5 people',
                         'Its scores depend on single people.', 'Do not interpret the scores of this class alone.'),
    'few_of_grade': Kind('warning', 'targets', 'a grade of a score has fewer than 2 people',
                         'A model cannot learn it and be tested on it.', 'Join it with the grade beside it.'),
    'no_part': Kind('warning', 'split', 'the name contains neither train, val nor test',
                    'Subjects on both sides cannot be found without it.', 'Name splits <name>_train, <name>_test.'),
    'lost_joints': Kind('warning', 'keypoint', 'more than a third of the joints are lost while the person is visible',
                        'FillMissingJoints invents what is missing.', 'Look at these clips, or leave them out.'),
    'gap': Kind('warning', 'keypoint', 'the person is not visible for more than half a second within a clip',
                'The gap is filled by straight lines.', 'Cut the clip at the gap.'),
    'never_seen': Kind('warning', 'keypoint', 'a joint is never seen in a clip',
                       'FillMissingJoints puts it on its parent.', 'Use a layout without the joint if many clips lack '
                       'it.'),
    'frozen': Kind('warning', 'keypoint', 'more than a fifth of the frames repeat the frame before',
                   'The true rate is probably lower.', 'Check the rate: frames may have been duplicated.'),
    'first_person': Kind('warning', 'keypoint', 'the first person is seen less than another one',
                         'A pipeline that reads the first person reads the wrong one.',
                         'Put KeepTrackedPerson first in the pipeline.'),
    'scale': Kind('warning', 'keypoint', 'a body is more than 3 times larger or smaller than most',
                  'The clip probably has another unit of length.', 'Check the unit of length.'),
    'height': Kind('warning', 'unit', 'nobody can be that tall in this unit of length',
                   'Lengths and speeds in metres are then wrong.', 'Convert again with the right unit (--unit).'),
    'upside_down': Kind('warning', 'keypoint', 'the body does not stand upright (2-D: y down, 3-D: y up)',
                        'Directions and angles are then wrong.',
                        'Convert again with the vertical axis (--up), or set `up` of the transforms.'),
    'not_walking': Kind('warning', 'keypoint', 'nobody walks, or the pose was not recognised',
                        'A model learns from it what is not gait.', 'Look at these clips, or leave them out.'),
    'anatomy': Kind('warning', 'layout', 'the joints are far from their neighbours in the layout',
                    'Joints are taken for others, such as the left hip for the right one.',
                    'Convert again with the skeleton of the recordings (--source-layout).'),
    'shares': Kind('warning', 'keypoint', '2-D coordinates are shares of the image, not pixels',
                   'Width and height have different units, so that lengths and angles are wrong.',
                   'Convert again with the size of the image (--img-shape).'),
    'mirrored': Kind('warning', 'keypoint', 'the knees bend backwards: a mirror image (3-D), or left and right are '
                     'swapped', 'The affected side is then the wrong one.',
                     'Negate one horizontal coordinate, or swap the sides.'),
    'outside': Kind('warning', 'img_shape', 'more than a tenth of the joints are outside of the image',
                    'The image size is probably wrong.', 'Check img_shape: (height, width) in pixels.'),
    'odd_rate': Kind('warning', 'rate', 'below 10 or above 500 frames per second',
                     'A wrong rate changes the cadence.', 'Check the rate.'),
    'score_range': Kind('warning', 'keypoint_score', 'far outside of [0, 1]',
                        'Joints with a score below 0.05 count as lost.', 'Scale the scores to [0, 1].'),
    # what is good to know
    'layout': Kind('info', 'layout', 'unknown', 'Edges, sides and legs cannot be checked.',
                   'Use --source-layout, or write the layout into the file.'),
    'unit': Kind('info', 'unit', '3-D coordinates without a unit of length', 'Lengths are in leg lengths only.',
                 'Convert again with --unit, if you know it.'),
    'rates': Kind('info', 'rate', 'several frame rates', 'The rate can give the class away.',
                  'Use ResampleRate, which brings them to one.'),
    'no_splits': Kind('info', 'split', 'the file has no splits', 'The audit cannot check who is tested.',
                      'Make folds by subject with dynstg_mm.datasets.folds.subject_folds.'),
    'unused': Kind('info', 'split', 'clips that are in no split', 'They are neither trained on nor tested.',
                   'Nothing, if that is intended.'),
    'shared': Kind('info', 'keypoint', 'one recording has several clip names in different tasks',
                   'No split contains both.', 'Nothing.'),
    'no_control': Kind('info', 'label', 'the metadata control cannot be computed',
                       'Shortcuts cannot be found without it.', 'See the reason.'),
}


@dataclasses.dataclass
class Finding:
    """A kind of finding, with all places where it was found."""

    kind: str
    level: str
    field: str
    message: str
    reason: str
    advice: str
    where: list[str] = dataclasses.field(default_factory=list)


class Findings:
    """Collects what an audit finds.

    Args:
        allow: Kinds of errors that the user accepts; they become warnings.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self.allow = set(allow)
        self.kinds: dict[str, Finding] = {}

    def add(self, kind: str, where: str) -> None:
        """Add one place, such as 'clip a: frame 3'."""
        if kind not in self.kinds:
            about = KINDS[kind]
            if about.level == 'error' and kind in self.allow:
                about = about._replace(level='warning')
            self.kinds[kind] = Finding(kind, **about._asdict())
        self.kinds[kind].where.append(where)

    def add_fault(self, fault: Fault) -> None:
        """Add a fault of an annotation file."""
        place = fault.field if fault.clip is None else f'clip {fault.clip}'
        if fault.clip is not None and fault.kind == 'target':  # which of several
            place += f': {fault.field}'
        self.add(fault.kind, f'{place}: {fault.message.removesuffix(".")}')

    def sorted(self) -> list[Finding]:
        """The findings, errors first, in the order of `KINDS`."""
        order = list(KINDS)
        return sorted(self.kinds.values(), key=lambda finding: (LEVELS.index(finding.level), order.index(finding.kind)))
