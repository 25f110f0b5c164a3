"""What an audit can find, and what it found."""
from dataclasses import dataclass, field

LEVELS = ('error', 'warning', 'info')

# name of the finding: level, field, what is wrong, what to do
KINDS = {
    # what GaitDataset or its pipeline refuses
    'annotation': ('error', 'annotations', 'not a dict with the clip\'s name in frame_dir', 'Write one dict a clip.'),
    'name': ('error', 'frame_dir', 'one name for several clips', 'Name every clip differently.'),
    'keypoint': ('error', 'keypoint', 'not an array of numbers (persons, frames, joints, 2 or 3), none of them 0',
                 'Convert the clip again.'),
    'joint_count': ('error', 'keypoint', 'another number of joints or coordinates than the layout, or than most clips',
                    'Bring all clips onto one layout.'),
    'nan': ('error', 'keypoint', 'NaN, infinite, or larger than any place', 'Write a lost joint as zeros with score 0.'),
    'score': ('error', 'keypoint_score', 'not an array of numbers (persons, frames, joints), none of them NaN',
              'Write one score a joint, or leave the field out.'),
    'nobody': ('error', 'keypoint', 'no frame shows anybody with half of the joints',
               'Leave the clip out.'),
    'total_frames': ('error', 'total_frames', 'not the number of frames in keypoint', 'Write keypoint.shape[1].'),
    'rate': ('error', 'rate', 'not a number of frames per second that a recording can have', 'Write the frames per second of the recording.'),
    'label': ('error', 'label', 'not a class number from 0', 'Number the classes from 0.'),
    'subject': ('error', 'subject', 'missing, or neither a line of text nor a whole number',
                'Say who walks, so that nobody is in both training and test.'),
    'classes': ('error', 'classes', 'not a list of different names',
                'Write one name a class, in the order of the labels.'),
    'wrong_layout': ('error', 'layout', 'not a skeleton', 'Write the name of a layout, or a dict that is one.'),
    'split': ('error', 'split', 'not lists of the file\'s clips, each named once', 'Make the splits again.'),
    'too_short': ('error', 'keypoint', 'shorter than a window', 'Leave these clips out, or take a shorter window.'),
    # what makes a result worthless
    'subject_leak': ('error', 'subject', 'one person on both sides of a split',
                     'Make the folds by subject; a person known from training is easy.'),
    'recording_leak': ('error', 'keypoint', 'one recording on both sides of a split',
                       'Keep one of the copies.'),
    'label_conflict': ('error', 'label', 'one recording with two classes in one task', 'Find out which is right.'),
    'untrained_class': ('error', 'label', 'a class is tested, and training has no clip of it',
                        'Make the splits again.'),
    'metadata': ('error', 'rate', 'the recordings\' metadata alone tell the classes apart, far above chance',
                 'ResampleRate takes the rate out, SampleWindows the length, FillMissingJoints what was lost; give '
                 'this control beside every result. --allow metadata where that is done.'),
    # what is worth knowing before training
    'metadata_trace': ('warning', 'rate', 'the recordings\' metadata alone tell the classes apart better than chance',
                       'ResampleRate takes the rate out, SampleWindows the length, FillMissingJoints what was lost; '
                       'give this control beside every result.'),
    'place': ('warning', 'keypoint', 'place, size or direction alone tells the classes apart better than chance',
              'CenterSkeleton takes the place out, ScaleByLegLength the size, MirrorDirection (2-D) or AlignHeading '
              '(3-D) the direction.'),
    'counted_twice': ('warning', 'keypoint', 'one recording under several clip names, on one side of a split',
                      'Keep one of the copies: they count twice, and the next folds may part them.'),
    'two_names': ('warning', 'subject', 'one recording under two subjects', 'Find out who it is; folds may part them.'),
    'two_classes': ('warning', 'label', 'a subject with clips of two classes in one task', 'Check the labels.'),
    'one_sided_class': ('warning', 'split', 'a class is missing on one side of a split', 'Make the folds stratified.'),
    'few_subjects': ('warning', 'subject', 'fewer than 5 people in a class', 'Do not trust its scores by themselves.'),
    'no_part': ('warning', 'split', 'neither train, val nor test in its name',
                'Name splits <name>_train, <name>_test.'),
    'lost_joints': ('warning', 'keypoint', 'more than a third of the joints lost while the person is there',
                    'Look at these clips; FillMissingJoints makes up what is not there.'),
    'gap': ('warning', 'keypoint', 'nobody there for more than half a second in the middle of a clip',
            'Cut the clip there; the gap is filled by straight lines.'),
    'never_seen': ('warning', 'keypoint', 'a joint is never seen in a clip',
                   'FillMissingJoints puts it on its parent.'),
    'frozen': ('warning', 'keypoint', 'more than a fifth of the frames repeat the frame before',
               'Check the rate: frames may have been doubled.'),
    'first_person': ('warning', 'keypoint', 'the first person is seen less than another',
                     'KeepTrackedPerson, first in the pipeline, chooses who is seen most.'),
    'scale': ('warning', 'keypoint', 'a body more than 3 times larger or smaller than most',
              'Check the unit of length.'),
    'upside_down': ('warning', 'keypoint', 'the head is not where the format has it (2-D: y down, 3-D: y up)',
                    'Convert again with the vertical axis named (--up), or set the transforms\' up.'),
    'mirrored': ('warning', 'keypoint', 'the knees bend backwards: a mirror image (3-D), or left and right in each '
                 "other's place", 'Negate one horizontal coordinate, or swap the sides.'),
    'outside': ('warning', 'img_shape', 'more than a tenth of the joints outside the image',
                'Check img_shape: (height, width) in pixels.'),
    'odd_rate': ('warning', 'rate', 'below 10 or above 500 frames per second', 'Check the rate.'),
    'score_range': ('warning', 'keypoint_score', 'far outside [0, 1]',
                    'Scale the scores; transforms compare them with 0.05.'),
    # what is good to know
    'layout': ('info', 'layout', 'not known, so that edges, sides and legs are not either',
               'Give --layout, or write it into the file.'),
    'rates': ('info', 'rate', 'several frame rates', 'ResampleRate brings them to one.'),
    'no_splits': ('info', 'split', 'none in the file', 'dynstg_mm.datasets.folds.subject_folds makes them.'),
    'unused': ('info', 'split', 'clips that no split names', 'Nothing, if that is meant.'),
    'shared': ('info', 'keypoint', 'one recording under several clip names, in different tasks',
               'Nothing: no split has both.'),
    'no_control': ('info', 'label', 'the metadata control cannot be computed', 'See the reason.'),
}


@dataclass
class Finding:
    """One kind of thing that is wrong, with all places where it is."""

    kind: str
    level: str
    field: str
    message: str
    advice: str
    where: list = field(default_factory=list)


class Findings:
    """Collects what an audit finds.

    Args:
        allow (Sequence[str]): Kinds that the user knows of: their errors count as warnings.
    """

    def __init__(self, allow=()):
        self.allow = set(allow)
        self.kinds = {}

    def add(self, kind, where):
        """Note one place, such as 'clip a: frame 3'."""
        if kind not in self.kinds:
            level, name, message, advice = KINDS[kind]
            if level == 'error' and kind in self.allow:
                level = 'warning'
            self.kinds[kind] = Finding(kind, level, name, message, advice)
        self.kinds[kind].where.append(where)

    def sorted(self):
        """The findings, errors first, in the order of `KINDS`."""
        order = list(KINDS)
        return sorted(self.kinds.values(), key=lambda finding: (LEVELS.index(finding.level), order.index(finding.kind)))
