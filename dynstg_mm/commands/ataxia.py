"""Convert keypoints of the Auto-Gait videos (ATAXIA), in any format, into one annotation file.

    python -m dynstg_mm ataxia FORMAT INPUT --labels labels.csv --out data/ataxia/ataxia.pkl

labels.csv has the columns ID (the clip), Score (of the gait item of SARA, 0 to 8), subject, and perhaps rate. The file
has two tasks with 5 folds by subject each: `ataxia_risk` (a score of 0: Control 0; above: Ataxia 1) and
`ataxia_severity` (scores 0, 1, 2, and 3 or more). Since a clip has one label in MMAction2, every clip is listed
twice: `<ID>` for risk, `severity/<ID>` for severity; the keypoints are shared. The clips also have two ordinal targets:
`severity`, the same four grades, and `sara_gait`, the score itself. tools/data/ataxia/README.md describes
the data.
"""
import argparse
from collections.abc import Sequence
from typing import Any

from dynstg_mm.commands.common import one_line_errors
from dynstg_mm.commands.convert import add_arguments, clip_options
from dynstg_mm.errors import DataError
from dynstg_mm.importers import csv_rows
from dynstg_mm.importers.convert import read_clips
from dynstg_mm.importers.labels import Rows, parse_rate
from dynstg_mm.importers.splits import make_splits
from dynstg_mm.importers.writing import check_out, summary, write, written
from dynstg_mm.skeletons import Layout

RISK, SEVERITY = ('Control', 'Ataxia'), ('0', '1', '2', '3+')
TARGETS = dict(severity=dict(type='ordinal', grades=list(SEVERITY)),
               sara_gait=dict(type='ordinal', grades=list(range(9))))


def read_scores(path: str) -> Rows:
    """Label table: clip -> its subject, its severity as the label, and its rate if the table has it.

    Args:
        path: The file, with the columns ID, Score and subject, and perhaps rate.

    Raises:
        DataError: A column or a value is missing or wrong.
    """
    header, cells = csv_rows(path)
    header = [name.lower() for name in header]
    missing = [name for name in ('id', 'score', 'subject') if name not in header]
    if missing:
        raise DataError(f'{path}: header: no column {missing[0]}; expected ID, Score and subject, since some people '
                        'were filmed more than once, and nobody may be on both sides of a split.')
    rows: Rows = {}
    for line, values in enumerate(cells, 2):
        row = dict(zip(header, map(str.strip, values)))
        where = f'{path}: line {line}: clip {row["id"]}'
        if row['score'] not in map(str, range(9)):
            raise DataError(f'{where}: Score: {row["score"]!r}; expected a whole number from 0 to 8.')
        if row['id'] in rows or not row['id'] or not row['subject']:
            raise DataError(f'{where}: {"duplicated" if row["id"] in rows else "no ID or no subject"}.')
        severity = SEVERITY[min(int(row['score']), 3)]
        rows[row['id']] = dict(subject=row['subject'], label=severity,
                               targets=dict(severity=severity, sara_gait=int(row['score'])),
                               rate=parse_rate(row.get('rate'), f'{where}: rate'))
    return rows


def annotate(clips: list[dict[str, Any]], layout: str | Layout | None) -> dict[str, Any]:
    """Annotation file of clips labelled by severity: both tasks with their folds."""
    worst: dict[str, int] = {}
    for clip in clips:
        worst[clip['subject']] = max(clip['label'], worst.get(clip['subject'], 0))
        del clip['split']
    for clip in clips:
        clip['worst'] = worst[clip['subject']]  # a person's score can differ between visits
        clip['affected'] = int(clip['worst'] > 0)
    risk = [dict(clip, label=int(clip['label'] > 0)) for clip in clips]
    severity = [dict(clip, frame_dir=f'severity/{clip["frame_dir"]}') for clip in clips]
    splits = make_splits(risk, 'ataxia_risk', [5], label='affected')
    splits.update(make_splits(severity, 'ataxia_severity', [5], label='worst'))
    data = dict(split=splits, annotations=risk + severity, targets=TARGETS)
    return data if layout is None else dict(data, layout=layout)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    add_arguments(parser)
    parser.add_argument('--labels', required=True, help='table (.csv) with ID, Score, subject and perhaps rate')
    parser.add_argument('--out', default='data/ataxia/ataxia.pkl', help='annotation file to write')
    args = parser.parse_args(argv)
    with one_line_errors():
        check_out(args.out)
        clips, _, layout, lines = read_clips(args.format, args.input, labels=read_scores(args.labels), classes=SEVERITY,
                                             **clip_options(args))
        data = annotate(clips, layout)
        write(data, args.out)
        print('\n'.join([summary(clips, SEVERITY), *lines, written(data, args.out)]))
    return 0
