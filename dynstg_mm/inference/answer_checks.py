"""How good answers about people left out of the training are, and what their doubts find."""
from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmaction.registry import DATASETS
from mmengine.config import Config

from dynstg_mm.benchmark.answers import CODES, OWN
from dynstg_mm.benchmark.runs import Run
from dynstg_mm.datasets.gait_dataset import listing
from dynstg_mm.datasets.transforms import CutClip
from dynstg_mm.gait.cleaning import fill_missing_joints
from dynstg_mm.inference.answer import Answer
from dynstg_mm.inference.calibration import Calibration, person_weights
from dynstg_mm.inference.conformal import Conformal
from dynstg_mm.inference.figures import score_figures
from dynstg_mm.inference.inferencer import GaitInferencer
from dynstg_mm.inference.out_of_fold import OutOfFold
from dynstg_mm.inference.training_gait import TrainingGait
from dynstg_mm.inference.training_record import TrainingRecord
from dynstg_mm.inference.unlike import Unlike
from dynstg_mm.progress import with_bar

Clip = dict[str, Any]


def answer_figures(runs: Sequence[Run], found: OutOfFold, gait: TrainingGait, *, others: Mapping[str, str],
                   lengths: Sequence[float], coverage: float) -> list[dict[str, Any]]:
    """Answer recordings as `predict` would, each by the model of the fold that leaves the person out.

    Calibration, sets and limits are fitted to the other people. Recordings that are cut to a length keep their middle.

    Args:
        runs: The runs of one model and one seed, one for each fold, with checkpoints.
        found: Their `out_of_fold`.
        gait: Their gait parameters.
        others: Annotation files of the same people and folds by name, such as those of another pose estimator.
        lengths: Seconds to cut the recordings to.
        coverage: Of the prediction sets.

    Returns:
        A row for the recordings as they are, each length and each other file: scores by person; shares of the people
        whose class is in the set (`covered`) and of the recordings that are `refused`; and for the `right` and the
        `wrong` answers their number and those with each doubt.
    """
    answered: dict[str, list[tuple[Clip, Answer]]] = {}
    classes: list[str] = []
    for place, run in enumerate(with_bar(runs, 'folds')):
        inferencer = GaitInferencer(Config(copy.deepcopy(run.record['config'])), run.checkpoint(), 'cpu')
        classes = inferencer.classes
        for name, clip in _recordings(run, others, lengths):
            inferencer.record = record_without(str(clip['subject']), place, found, gait, coverage)
            answered.setdefault(name, []).append((clip, inferencer.answer(clip)))
    return [_row(name, answers, classes) for name, answers in answered.items()]


def record_without(person: str, place: int, found: OutOfFold, gait: TrainingGait, coverage: float) -> TrainingRecord:
    """What a checkpoint would record if a person were not in the data.

    Args:
        person: The person.
        place: Place of the run that leaves the person out.
        found, gait, coverage: As for `answer_figures`.
    """
    people = np.asarray(found.people)
    rest = people != person
    weights = person_weights(people[rest])
    calibration = Calibration.fit(found.scores[rest], found.labels[rest], people[rest])
    sets = Conformal.fit(calibration.apply(found.scores[rest]), found.labels[rest], people[rest], coverage)
    return TrainingRecord(calibration, sets, Unlike(found.spaces[place], found.distances[rest], weights),
                          Unlike(gait.spaces[place], gait.distances[rest], weights, names=gait.names))


def _recordings(run: Run, others: Mapping[str, str], lengths: Sequence[float]) -> Iterator[tuple[str, Clip]]:
    """The recordings of the people whom a run tests, each with the name of its row."""
    settings = run.record['config']['test_dataloader']['dataset']
    for name, file in {OWN: settings['ann_file'], **others}.items():
        dataset = DATASETS.build(listing(dict(copy.deepcopy(settings), ann_file=file)))
        clips = [dataset.get_data_info(index) for index in range(len(dataset))]
        for seconds in (None, *lengths) if name == OWN else (None, ):
            for clip in clips:
                yield (name, clip) if seconds is None else (f'cut to {seconds:g} s', _cut(clip, seconds))


def _cut(clip: Clip, seconds: float) -> Clip:
    """The middle of the part that shows a person."""
    cut = CutClip(seconds).transform(fill_missing_joints(clip, clip['layout'], keep_score=True))
    return {key: value for key, value in cut.items() if key != 'first_second'}


def _row(name: str, answered: Sequence[tuple[Clip, Answer]], classes: Sequence[str]) -> dict[str, Any]:
    people = [str(clip['subject']) for clip, _ in answered]
    figures = score_figures([dict(clip=answer.clip, subject=person, label=int(clip['label']), score=answer.scores)
                             for person, (clip, answer) in zip(people, answered)], len(classes))
    covered = [classes[clip['label']] in (answer.prediction_set or ()) for clip, answer in answered]
    counts = dict(right=Counter[str](), wrong=Counter[str]())
    for clip, answer in answered:
        codes = {doubt.code for doubt in answer.doubts} & set(CODES)
        side = 'right' if np.argmax(answer.scores) == clip['label'] else 'wrong'
        counts[side].update(['answers', *codes, *['any'] * bool(codes)])
    return dict(recordings=name, people=figures['people'], count=len(answered), macro_f1=figures['macro_f1'],
                accuracy=figures['accuracy'], covered=float(np.average(covered, weights=person_weights(people))),
                refused=float(np.mean([answer.predicted is None for _, answer in answered])),
                **{side: {key: found[key] for key in ('answers', *CODES, 'any')} for side, found in counts.items()})
