"""A checklist of TRIPOD+AI for a study, with what the results know filled in.

The numbers are the items of the statement (Collins et al. 2024, doi 10.1136/bmj-2023-078378); the words are ours.
"""
from __future__ import annotations

from collections.abc import Mapping

from dynstg_mm.benchmark.results import Results
from dynstg_mm.benchmark.tables import detectable_line, diagnostic_rows, result_rows
from dynstg_mm.text import markdown

ITEMS = (
    ('Title and abstract', (
        ('1', 'title: development or evaluation, the people, the outcome'),
        ('2', 'abstract, by TRIPOD+AI for abstracts'))),
    ('Introduction', (
        ('3a', 'clinical context, and models that exist'), ('3b', 'whom and what the model is for, and its users'),
        ('3c', 'health inequalities between groups of people'), ('4', 'objectives: development, evaluation or both'))),
    ('Methods', (
        ('5a', 'where the data are from, and whether they stand for the people meant'),
        ('5b', 'dates of the recordings'), ('6a', 'setting: hospital, laboratory, country'),
        ('6b', 'who was eligible'), ('6c', 'treatments'),
        ('7', 'preparation of the data, the same for all groups of people'),
        ('8a', 'outcome: what it is, when and how it was found'), ('8b', 'who rated the outcome'),
        ('8c', 'whether the raters were blind to the recordings'),
        ('9a', 'choice of the predictors'), ('9b', 'definition of the predictors: when and how they were measured'),
        ('9c', 'predictors that a person must judge'), ('10', 'sample size: how it came about, whether it suffices'),
        ('11', 'missing data'), ('12a', 'how the data were used for training and test'),
        ('12b', 'how the predictors enter the model'),
        ('12c', 'kind of model, all steps of its building, choice of settings, internal validation'),
        ('12d', 'differences between sites, and how they were treated'),
        ('12e', 'measures and figures of performance'), ('12f', 'updating of the model'),
        ('12g', 'how an answer is computed in the evaluation'), ('13', 'imbalance of the classes'),
        ('14', 'fairness'), ('15', 'output of the model, and its thresholds'),
        ('16', 'differences between the data of training and of test'), ('17', 'approval by an ethics committee'))),
    ('Open science', (
        ('18a', 'funding'), ('18b', 'conflicts of interest'), ('18c', 'protocol'), ('18d', 'registration'),
        ('18e', 'where the data are'), ('18f', 'where the code is'))),
    ('Patients and the public', (('19', 'how they were involved'), )),
    ('Results', (
        ('20a', 'flow of the people through the study'), ('20b', 'characteristics of the people'),
        ('20c', 'training and test compared'), ('21', 'people and outcomes in each analysis'),
        ('22', 'the whole model, so that others can use it'), ('23a', 'performance with intervals, also by group'),
        ('23b', 'performance by site'), ('24', 'results of an update'))),
    ('Discussion', (
        ('25', 'interpretation, with fairness'), ('26', 'limitations'),
        ('27a', 'how bad or missing input is treated'), ('27b', 'what users must know and do'),
        ('27c', 'next steps'))))
OPEN = '*To be written by the authors.*'


def checklist(results: Results) -> str:
    """The checklist as Markdown.

    Args:
        results: The results of the study.

    Returns:
        A table for each section, with an answer, or what is missing, for each item; and the tables of item 23a.
    """
    known = _known(results)
    parts = ['# TRIPOD+AI checklist',
             f'{len(known)} of {sum(len(items) for _, items in ITEMS)} items are filled in from the results; check '
             'these as well. Numbers are those of the statement (Collins et al. 2024, doi 10.1136/bmj-2023-078378).']
    for section, items in ITEMS:
        rows = [[number, text, known.get(number, OPEN)] for number, text in items]
        parts += [f'## {section}', markdown([['item', 'what is reported', 'here'], *rows])]
    parts += ['## Tables of item 23a', markdown(result_rows(results))]
    parts += [markdown(rows)] if (rows := diagnostic_rows(results)) else []
    return '\n\n'.join(parts) + '\n'


def _known(results: Results) -> Mapping[str, str]:
    people = results.clips.groupby('label').subject.nunique()
    counts = ', '.join(f'{people.get(index, 0)} {name}' for index, name in enumerate(results.classes))
    seeds, folds, total = len(results.seeds), len(results.folds), results.clips.subject.nunique()
    configs = dict.fromkeys(facts.config for facts in results.models.values() if facts.config)
    leaks = results.leaking_subjects()
    split = (f'cross-validation with {folds} folds; ' if folds > 1 else 'one split; ') + (
        f'{len(leaks)} people are in training and test: this does not hold for new people' if leaks else
        'no person is in training and test')
    known = {
        '12a': split,
        '12c': f'{", ".join(results.models)}; {seeds} training seed{"s" * (seeds > 1)}; settings in '
               f'{", ".join(f"`{config}`" for config in configs) or "the configs"}; how they were chosen: by '
               'the authors',
        '12e': 'accuracy, macro-F1, macro-recall and log-loss by clip and by person; sensitivity, specificity, AUC, '
               'Brier score and calibration slope by person; 95 % intervals by person; ROC, reliability diagram, '
               'decision curves (results.html)',
        '12g': 'each person is scored by the model of the fold that leaves this person out; mean over the recordings',
        '15': 'a probability for each class; the class with the largest one is named',
        '18f': 'the commands are on results.html; versions: ' + ', '.join(
            f'{name} {version}' for name, version in results.versions.items()) if results.versions else OPEN,
        '20a': f'{len(results.clips)} recordings of {total} people are tested; those left out before: by the authors',
        '21': f'{total} people: {counts}',
        '23a': 'below'}
    if results.baseline in results.complete() and len(results.complete()) > 1:
        known['10'] = 'All available people. ' + detectable_line(results, str(results.baseline))
    return {number: text for number, text in known.items() if text != OPEN}
