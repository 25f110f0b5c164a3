"""Convert CARE-PD, walks of people with Parkinson's disease at several sites, into one annotation file.

    python -m dynstg_mm care-pd FOLDER --out data/care_pd/care_pd.pkl

FOLDER is the published one, with <cohort>.pkl (labels), h36m/<cohort>/ (joints) and folds/. The label is the UPDRS gait
score, which is also the ordinal target `updrs_gait`. The splits are the benchmark's four protocols; a fold of cross or
lodo is a cohort, in alphabetical order:

    care_pd_<cohort>        within a cohort: its six published folds; _loso leaves one person out, _fixed has one fold
    care_pd_cross_<cohort>  trained on this cohort, tested on another
    care_pd_lodo            trained on all cohorts but one, tested on it
    care_pd_mida_<cohort>   as within the cohort, and trained on all others too
"""
import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dynstg_mm.commands.common import one_line_errors
from dynstg_mm.datasets.folds import fold_split, parse_fold, subject_folds
from dynstg_mm.errors import DataError
from dynstg_mm.importers.care_pd import (
    COHORTS,
    LABELS,
    SCORED,
    SCORES,
    SITES,
    VIEWS,
    Folds,
    cohort_file,
    in_cohort,
    joint_file,
    label_of,
    published_folds,
    read_bodies,
    read_joints,
    read_walks,
)
from dynstg_mm.importers.smpl import read_rest_joints
from dynstg_mm.importers.writing import by_note, check_out, drop_duplicates, listing, summary, write, written

TARGETS = dict(updrs_gait=dict(type='ordinal', grades=[int(score) for score in SCORES]))

Clip = dict[str, Any]


def read_cohort(folder: Path, cohort: str, *, view: str = 'world', smpl: Path | None = None,
                label: str = 'UPDRS_GAIT', all_copies: bool = False) -> tuple[list[Clip], list[str]]:
    """Annotations of a cohort, with their label as text, and notes.

    Args:
        folder: The folder of the data set.
        cohort: A key of `COHORTS`.
        view: A key of `VIEWS`.
        smpl: Joints at rest of the body model, to compute its joints instead of reading those of Human3.6M.
        label: One of `LABELS`.
        all_copies: Also read the other frames of a walk that is stored several times.

    Raises:
        DataError: A file is missing or damaged.
    """
    path = cohort_file(folder, cohort)
    walks = read_walks(path, poses=smpl is not None)
    found = (read_bodies(path, cohort, walks, read_rest_joints(smpl)) if smpl is not None else
             read_joints(joint_file(folder, cohort, view), cohort, walks, all_copies=all_copies))
    clips, notes, unlabelled = [], [], 0
    for name, recording in found:
        walk = walks[name.person, name.walk]
        text = label_of(f'{path}: {name.person}: {name.walk}', walk, label)
        if text is None:
            unlabelled += 1
            continue
        clip = dict(frame_dir=f'{cohort}/{recording.name}', subject=f'{cohort}/{name.person}', person=name.person,
                    label=text, dataset=cohort, site=SITES.get(cohort, cohort), rate=recording.rate,
                    total_frames=recording.keypoint.shape[1], keypoint=recording.keypoint,
                    keypoint_score=recording.keypoint_score)
        score = label_of(f'{path}: {name.person}: {name.walk}', walk)
        clip |= {} if score is None else dict(targets=dict(updrs_gait=int(score)))
        clip |= {field: str(walk[field]) for field in LABELS[1:] if walk.get(field) is not None}
        clip |= dict(unit=recording.unit) if recording.unit else dict(
            camera=view, img_shape=recording.img_shape, original_shape=recording.img_shape)
        clips.append(clip)
        notes += [(clip['frame_dir'], note) for note in recording.notes]
    return clips, by_note(notes) + [f'{cohort}: {unlabelled} walks have no {label}; left out'] * bool(unlabelled)


def make_splits(clips: Sequence[Clip], published: Mapping[str, Mapping[str, Folds]]) -> tuple[
        dict[str, list[str]], list[str]]:
    """The splits of the four protocols, and notes on cohorts whose folds are ours.

    Args:
        clips: Annotations with `dataset` and `person`.
        published: Cohort -> from `published_folds`.
    """
    splits: dict[str, list[str]] = {}
    members: dict[str, list[Clip]] = {}
    for clip in clips:
        members.setdefault(clip['dataset'], []).append(clip)
    names = {cohort: [clip['frame_dir'] for clip in own] for cohort, own in sorted(members.items())}
    notes = []

    def add(name: str, fold: int, train: list[str], test: list[str]) -> None:
        splits.update({fold_split(name, fold, 'train'): train, fold_split(name, fold, 'test'): test})

    for number, (cohort, own) in enumerate(names.items()):
        divisions = published.get(cohort)
        if not divisions:
            divisions, note = _own_folds(cohort, members[cohort])
            notes.append(note)
        elsewhere = {other: theirs for other, theirs in names.items() if SITES.get(other, other) != SITES.get(
            cohort, cohort)}  # people may be in both cohorts of a site
        others = [name for theirs in elsewhere.values() for name in theirs]
        for suffix, folds in divisions.items():
            for fold, train, test in in_cohort(members[cohort], folds):
                add(f'care_pd_{cohort}{suffix}', fold, train, test)
                if others and suffix == ('_loso' if '_loso' in divisions else next(iter(divisions))):
                    add(f'care_pd_mida_{cohort}', fold, others + train, test)
        if others:
            add('care_pd_lodo', number, others, own)
            for fold, (other, theirs) in enumerate(names.items()):
                if other in elsewhere:
                    add(f'care_pd_cross_{cohort}', fold, own, theirs)
    return splits, notes


def _own_folds(cohort: str, clips: Sequence[Clip]) -> tuple[dict[str, Folds], str]:
    """Six folds by person, stratified by the person's most frequent label, and a note."""
    labels: dict[str, Counter[int]] = {}
    for clip in clips:
        labels.setdefault(clip['person'], Counter())[clip['label']] += 1
    people = [dict(frame_dir=person, subject=person, label=counts.most_common(1)[0][0])
              for person, counts in labels.items()]
    count = min(6, max(Counter(person['label'] for person in people).values()))
    if count < 2:
        return {}, f'{cohort}: no folds, since no two people have the same label'
    tested = {split: set(persons) for split, persons in subject_folds(people, '', folds=count, fewer=True).items()
              if split.endswith('_test')}
    folds = [(set(labels) - tested[split], tested[split]) for split in sorted(tested, key=_number)]
    return {'': folds}, f'{cohort}: {count} folds of our own, since FOLDER/folds has none of it'


def _number(split: str) -> int:
    fold = parse_fold(split)
    assert fold is not None
    return fold.fold


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0], epilog='\n'.join(__doc__.split('\n')[4:]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path, help='folder with <cohort>.pkl, h36m/<cohort>/ and folds/')
    parser.add_argument('--out', default='data/care_pd/care_pd.pkl', help='annotation file to write')
    parser.add_argument('--cohort', choices=COHORTS, nargs='+', default=list(SCORED),
                        help=f'cohorts to convert, by default those with scores: {", ".join(SCORED)}')
    parser.add_argument('--view', choices=VIEWS, default='world',
                        help='3-D joints, or the 2-D ones of a computed view (default: world)')
    parser.add_argument('--smpl', type=Path, metavar='FILE',
                        help='compute the 24 joints of SMPL instead; an NPZ file with J, the places of the joints of '
                             'the body model at rest')
    parser.add_argument('--label', choices=LABELS, default=LABELS[0], help=f'what to recognise (default: {LABELS[0]})')
    parser.add_argument('--all-copies', action='store_true',
                        help='also keep the other frames of walks that are stored at several offsets')
    args = parser.parse_args(argv)
    with one_line_errors():
        check_out(args.out)
        clips: list[Clip] = []
        notes: list[str] = []
        for cohort in sorted(set(args.cohort)):
            own, more = read_cohort(args.folder, cohort, view=args.view, smpl=args.smpl, label=args.label,
                                    all_copies=args.all_copies)
            clips, notes = clips + own, notes + more
        if not clips:
            raise DataError(f'{args.folder}: no walk has {args.label}; expected another --cohort or --label.')
        classes = list(SCORES) if args.label == LABELS[0] else sorted({clip['label'] for clip in clips})
        for clip in clips:
            clip['label'] = classes.index(clip['label'])
        clips, doubles = drop_duplicates(clips)
        splits, more = make_splits(clips, {cohort: published_folds(args.folder, cohort) for cohort in args.cohort})
        for clip in clips:
            del clip['person']
        data = dict(split=splits, annotations=clips, classes=classes, layout='h36m' if args.smpl is None else 'smpl')
        if any('targets' in clip for clip in clips):
            data['targets'] = TARGETS
        write(data, args.out)
        print('\n'.join([summary(clips, classes), *listing('duplicate', doubles), *listing('note', notes + more),
                         written(data, args.out)]))
    return 0
