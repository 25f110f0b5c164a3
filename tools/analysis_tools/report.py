"""Put tested models side by side: a table with intervals by subject, and a confusion matrix each.

    python tools/analysis_tools/report.py small=work_dirs/koa_nm/small st-gcn=work_dirs/koa_nm/stgcn \\
        --ann-file data/koa_pd_nm/koa_pd_nm.pkl --out work_dirs/koa_nm/report

A folder holds the predictions.json of tools/test.py, or one folder a fold that does. Scores are pooled over the folds,
with the 95 % bootstrap interval that resamples subjects, and the mean and standard deviation over folds beside them.
With --baseline, a second table gives every model's difference to that one, and the interval of the difference.
"""
import argparse
import sys
from pathlib import Path

from dynstg_mm.evaluation.report import (HEADER, ReportError, confusion_picture, difference_rows, markdown,
                                         metadata_control, read_folds, result_rows)
from dynstg_mm.fileio import atomic_open


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('results', nargs='+', help='NAME=FOLDER of each model')
    parser.add_argument('--ann-file', help='annotation file, for the control on the recordings\' metadata alone')
    parser.add_argument('--baseline', help='name of the model that the others are compared with, pair by pair')
    parser.add_argument('--out', required=True, help='folder for results.md and the pictures')
    args = parser.parse_args()
    try:
        report(args)
    except (ReportError, OSError) as error:
        sys.exit(f'error: {error}')


def report(args):
    out = Path(args.out)
    rows, first, models = [HEADER], None, {}
    for result in args.results:
        name, _, folder = result.rpartition('=')
        name = name or Path(folder).name
        if name in models:
            raise ReportError(f'{result}: the name {name} is taken; call one of the two otherwise.')
        classes, folds, costs = models[name] = read_folds(folder)
        tested = {(clip['clip'], clip['label']) for fold in folds for clip in fold}
        if first is None:
            first = tested, folds, classes
        elif classes != first[2]:
            raise ReportError(f'{folder}: classes {classes}; the first model has {first[2]}.')
        elif tested != first[0]:
            raise ReportError(f'{folder}: other clips than the first model\'s; a table compares the same clips.')
        rows += result_rows(name, classes, folds, costs)
        out.mkdir(parents=True, exist_ok=True)
        confusion_picture(out / f'confusion_{name}.png', name, classes, folds)
    if args.ann_file:
        rows += result_rows('metadata only', first[2], metadata_control(args.ann_file, first[1]))
    text = markdown(rows)
    if args.baseline:
        if args.baseline not in models:
            raise ReportError(f'--baseline: {args.baseline!r}; expected one of {", ".join(models)}.')
        text += '\n\n' + markdown(difference_rows(models, args.baseline))
    with atomic_open(out / 'results.md') as file:
        file.write(text + '\n')
    print(text)
    print(f'\n{out}: results.md, ' + ', '.join(sorted(path.name for path in out.glob('confusion_*.png'))))


if __name__ == '__main__':
    main()
