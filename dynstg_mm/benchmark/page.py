"""One HTML page of cross-validated results: tables, and pictures that are part of the file; the first of them as a PNG."""
import base64
import html
import io

import numpy as np

from dynstg_mm.benchmark.baselines import METADATA
from dynstg_mm.benchmark.results import KINDS, is_complete, leaking_subjects, pooled
from dynstg_mm.benchmark.statistics import (
    by_subject,
    calibration,
    class_scores,
    confusion_of,
    mean_roc,
    mean_scores,
    subject_interval,
)
from dynstg_mm.benchmark.tables import (
    cost_rows,
    difference_rows,
    explanations,
    failures,
    in_order,
    protocol_rows,
    result_rows,
    write_tables,
)
from dynstg_mm.files import atomic_open

# Of Okabe and Ito, safe for the colour-blind, and a second sign beside the colour.
COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
DASHES = ('-', '--', '-.', ':')
MARKERS = 'os^Dv*P'
WIDTH = 5.  # inches; a phone then shows the letters in their own size

STYLE = '''
body { margin: 0 auto; max-width: 1168px; padding: 16px; color: #1f2328; background: #fff;
       font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.6em; line-height: 1.2; margin: .3em 0; }
h2 { font-size: 1.2em; margin: 2em 0 .3em; border-bottom: 1px solid #d0d7de; padding-bottom: .2em; }
p { margin: .4em 0; max-width: 75ch; overflow-wrap: anywhere; }
.box { overflow-x: auto; margin: .6em 0; }
table { border-collapse: collapse; font-size: .8em; font-variant-numeric: tabular-nums; }
th, td { padding: .3em .5em; text-align: left; white-space: nowrap; border-bottom: 1px solid #eaeef2; }
th { border-bottom: 2px solid #8c959f; vertical-align: bottom; white-space: normal; }
td:first-child, th:first-child { position: sticky; left: 0; background: #fff; font-weight: 600; }
.grid { display: grid; gap: 12px 24px; grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--cell)), 1fr)); }
figure { margin: .6em 0; }
img { width: 100%; height: auto; display: block; }
pre { background: #f6f8fa; padding: 10px; overflow-x: auto; font-size: .8em; line-height: 1.45; }
.failed { color: #b00020; }
'''


def write_report(results, out, baseline=None, beside=None):
    """Print the tables, and write results.md, results.html and, where a model is complete, results.png.

    Args:
        out (Path): Their folder, which is there.
        results, baseline, beside: As of `write_page`.

    Returns:
        list[str]: The names of the files.
    """
    names = ['results.md', 'results.html']
    print(write_tables(results, out / names[0], baseline, beside))
    write_page(results, out / names[1], baseline, beside)
    if _complete(results):
        names.append('results.png')
        write_picture(results, out / names[-1])
    return names


def write_page(results, path, baseline=None, beside=None):
    """Write the page, whole or not at all.

    Args:
        results (dict): As `read_results` returns them.
        path (str | Path): The .html file.
        baseline (str, optional): The model that the others are compared with, where it is complete.
        beside (dict[str, dict], optional): Name of a protocol -> results, for one table of the models by all of them.
    """
    complete = _complete(results)
    parts = [_head(results), _section('Results', _results(results, baseline))]
    if baseline in complete and len(complete) > 1:
        parts.append(_section(f'Differences to {baseline}', _differences(results, baseline)))
    if beside:
        parts.append(_section('By protocol', _protocols(beside)))
    if complete:
        looks = {name: dict(color=COLORS[index % len(COLORS)], linestyle=DASHES[index // len(COLORS) % len(DASHES)],
                            marker=MARKERS[index % len(MARKERS)]) for index, name in enumerate(complete)}
        parts += [_section('Macro-F1', _picture(*_forest(results, complete))),
                  _section('Confusion matrices', _confusions(results, complete)),
                  _grid([_section('ROC', _roc(results, looks)), _section('Calibration', _calibration(results, looks))]),
                  _grid([_section('Errors by subject', _subjects(results, complete)),
                         _section('Learning curves', _curves(results, looks))])]
    parts += [_section('Cost', _cost(results)), _section('Metadata control', _control(results)),
              _section('Versions', _versions(results)), _section('Commands', _commands(results))]
    with atomic_open(path, encoding='utf-8') as file:
        file.write('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" '
                   f'content="width=device-width, initial-scale=1">\n<title>Cross-validation</title>\n<style>{STYLE}'
                   '</style>\n</head>\n<body>\n' + '\n'.join(filter(None, parts)) + '\n</body>\n</html>\n')


def write_picture(results, path):
    """Write the picture of macro-F1 and intervals, a PNG, whole or not at all; needs a complete model."""
    figure, _ = _forest(results, _complete(results))
    with atomic_open(path, 'wb') as file:
        _draw(figure, file, format='png', dpi=130)


def _complete(results):
    return [name for name in in_order(results) if is_complete(results, name)]


def _head(results):
    kinds = [model['kind'] for model in results['models'].values()]
    rows = ', '.join(_count(kinds.count(kind), kind) for kind in KINDS if kind in kinds)
    clips = results['clips']
    said = (f'{rows}; {_count(len(set(clips["fold"])), "fold")}, {_count(len(results["seeds"]), "seed")}; '
            f'{_count(len(clips["name"]), "clip")} of {_count(len(set(clips["subject"])), "subject")}; classes: '
            f'{", ".join(results["classes"])}.')
    return f'<h1>Cross-validation</h1>\n<p>{html.escape(said)}</p>'


def _count(number, noun):
    return f'{number} {noun}' + 's' * (number != 1)


def _section(title, body):
    return f'<section>\n<h2>{html.escape(title)}</h2>\n{body}</section>' if body else ''


def _grid(parts, cell=420):
    """Parts side by side as far as there is room, each at least `cell` pixels wide."""
    return f'<div class="grid" style="--cell: {cell}px">{"".join(parts)}</div>\n'


def _paragraph(text):
    return f'<p>{html.escape(text)}</p>\n'


def _table(rows):
    def line(cells, tag):
        texts = (html.escape(cell.replace(' %', '\N{NO-BREAK SPACE}%')) for cell in cells)
        return '<tr>' + ''.join(f'<{tag}>{text}</{tag}>' for text in texts) + '</tr>\n'
    return ('<div class="box"><table>\n<thead>\n' + line(rows[0], 'th') + '</thead>\n<tbody>\n'
            + ''.join(line(cells, 'td') for cells in rows[1:]) + '</tbody>\n</table></div>\n')


def _results(results, baseline):
    several = len(results['seeds']) > 1
    text = ('Scores of all folds together'
            + (', averaged over the seeds' if several else '')
            + ', with the 95 % bootstrap interval that draws subjects'
            + (' (each draw the same for all seeds)' if several else '')
            + '. Beside them, ' + ('the standard deviation over seeds, and ' if several else '')
            + 'mean ± standard deviation over folds.')
    means = ''.join(_paragraph(f'{line}.') for line in explanations(results))
    wrong = ''.join(f'<p class="failed">{html.escape(line)}</p>\n' for line in failures(results, baseline))
    return _paragraph(text) + _table(result_rows(results, cost=False)) + means + wrong


def _differences(results, baseline):
    rows = difference_rows(results, baseline)
    text = ('By clip, paired: intervals draw the same subjects for both; p is two-sided, from exchanging the results '
            'of the two models subject by subject.')
    if len(rows) > 2:
        count = len(rows) - 1
        text += f' Each p speaks of one comparison; for all {count} together, compare it with 0.05 / {count}.'
    return _paragraph(text) + _table(rows)


def _protocols(tables):
    text = ('By clip, all folds together. Where a protocol leaks, people stand on both sides of a split: what a model gains '
            'there is re-identification, not recognition.')
    return _paragraph(text) + _table(protocol_rows(tables))


def _figure(width=WIDTH, height=3.6):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def _draw(figure, file, **options):
    for axes in figure.axes:
        axes.spines[['top', 'right']].set_visible(False)
    figure.savefig(file, **options)


def _picture(figure, alt):
    """The figure as part of the page."""
    content = io.BytesIO()
    _draw(figure, content, format='svg', metadata=dict(Date=None))
    data = base64.b64encode(content.getvalue()).decode()
    return (f'<figure style="max-width: {112 * figure.get_figwidth():.0f}px"><img alt="{html.escape(alt)}" '
            f'src="data:image/svg+xml;base64,{data}"></figure>\n')


def _forest(results, names):
    classes = len(results['classes'])
    figure, said = _figure(height=0.9 + 0.5 * len(names)), []
    axes, leaks = figure.add_subplot(), leaking_subjects(results)
    for row, name in enumerate(names):
        seeds = pooled(results, name)
        units = [('clip', seeds, -.13, COLORS[0]), ('subject', [by_subject(clips) for clips in seeds], .13, 'white')]
        for unit, part, shift, face in units[:1] if leaks else units:
            score = mean_scores(part, classes)['macro_f1']
            low, high = subject_interval(part, classes)['macro_f1']
            axes.plot([low, high], [row + shift] * 2, color=COLORS[0], linewidth=1.8)
            axes.plot(score, row + shift, 'o', color=COLORS[0], markerfacecolor=face, markersize=6,
                      label=f'per {unit}' if row == 0 else None)
            said.append(f'{name} per {unit} {score:.3f} [{low:.3f}, {high:.3f}]')
    axes.set_yticks(range(len(names)), names)
    axes.set(ylim=(len(names) - .5, -.5), xlabel='macro-F1, 95 % interval by subject')
    axes.grid(axis='x', alpha=.3)
    figure.legend(loc='outside upper right', ncols=2, frameon=False, fontsize=9)
    return figure, 'Macro-F1 and intervals: ' + '; '.join(said)


def _confusions(results, names):
    """A picture a model: mean number of clips over the seeds, coloured by the share of the class."""
    classes, parts = results['classes'], []
    size = max(2.6, 0.75 * len(classes) + 1.2)
    for name in names:
        confusion = np.mean([confusion_of(clips, len(classes)) for clips in pooled(results, name)], axis=0)
        share = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
        figure = _figure(size, size)
        axes = figure.add_subplot()
        axes.imshow(share, cmap='Blues', vmin=0, vmax=1)
        for row, column in np.ndindex(confusion.shape):
            axes.text(column, row, f'{confusion[row, column]:.1f}'.removesuffix('.0'), ha='center', va='center',
                      color='white' if share[row, column] > .55 else 'black', fontsize=10)
        axes.set_xticks(range(len(classes)), classes, rotation=35, ha='right', rotation_mode='anchor', fontsize=9)
        axes.set_yticks(range(len(classes)), classes, fontsize=9)
        axes.set_title(name, fontsize=11)
        axes.set_xlabel('predicted', fontsize=9)
        axes.set_ylabel('true', fontsize=9)
        recall = class_scores(confusion)['recall']
        parts.append(_picture(figure, f'Confusion matrix of {name}; recall ' + ', '.join(
            f'{label} {value:.2f}' for label, value in zip(classes, recall))))
    text = 'Clips, all folds together' + (', mean over the seeds' if len(results['seeds']) > 1 else '') + '.'
    return _paragraph(text) + _grid(parts, max(220, round(72 * size)))


def _roc(results, looks):
    if len(set(results['clips']['label'])) < 2:
        return ''
    figure, said, rates = _figure(height=5), [], np.linspace(0, 1, 201)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color='#8c959f', linewidth=1)
    for name, look in looks.items():
        right, area = mean_roc(pooled(results, name), len(results['classes']), rates)
        axes.plot(rates, right, color=look['color'], linestyle=look['linestyle'], label=f'{name}: AUC {area:.3f}')
        said.append(f'{name} {area:.3f}')
    axes.set(xlabel='false positive rate', ylabel='true positive rate', xlim=(-.01, 1.01), ylim=(-.01, 1.01))
    axes.set_aspect('equal')
    axes.legend(loc='lower right', fontsize=9)
    return _paragraph('By clip, one class against the rest, averaged over classes and seeds.') + _picture(
        figure, 'ROC curves; area under the curve: ' + '; '.join(said))


def _calibration(results, looks):
    figure, said = _figure(height=5), []
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color='#8c959f', linewidth=1)
    for name, look in looks.items():
        clips = [clip for seed in pooled(results, name) for clip in seed]
        sure, right, count, error = calibration(clips)
        axes.plot(sure, right, linewidth=1.2, color=look['color'], linestyle=look['linestyle'])
        axes.scatter(sure, right, 8 + 150 * count / count.sum(), color=look['color'], marker=look['marker'], alpha=.8)
        axes.plot([], [], **look, label=f'{name}: ECE {error:.3f}')
        said.append(f'{name} {error:.3f}')
    axes.set(xlabel='score of the predicted class', ylabel='share of right predictions', xlim=(0, 1.02),
             ylim=(-.02, 1.02))
    axes.set_aspect('equal')
    axes.legend(loc='upper left', fontsize=9)
    text = ('By clip of all seeds, in ten bins of equal width, a larger mark for more clips; below the line a model is '
            'surer than it is right. ECE is the expected calibration error.')
    alt = 'Reliability diagram; expected calibration error: ' + '; '.join(said)
    return _paragraph(text) + _picture(figure, alt)


def _subjects(results, names):
    """Share of wrong clips over the seeds: a row a subject who was ever taken for something else, a column a model."""
    wrong = {}
    for column, name in enumerate(names):
        for clips in pooled(results, name):
            for clip in clips:
                rows = wrong.setdefault((clip['subject'], results['classes'][clip['label']]), [[] for _ in names])
                rows[column].append(np.argmax(clip['score']) != clip['label'])
    share = {subject: [np.mean(values) for values in rows] for subject, rows in wrong.items()}
    shown = sorted((subject for subject in share if any(share[subject])),
                   key=lambda subject: (-np.mean(share[subject]), subject))
    text = (f'Share of a subject\'s clips that are wrong, over all seeds. {len(share) - len(shown)} of {len(share)} '
            'subjects are always right and not shown.')
    if not shown:
        return _paragraph(text)
    figure = _figure(height=0.5 + 0.06 * max(map(len, names)) + 0.2 * max(len(shown), 5))  # names stand above, at a slant
    axes = figure.add_subplot()
    image = axes.imshow([share[subject] for subject in shown], cmap='Reds', vmin=0, vmax=1, aspect='auto',
                        interpolation='none')
    axes.set_yticks(range(len(shown)), [f'{_short(subject)} ({label})' for subject, label in shown], fontsize=9)
    axes.set_xticks(range(len(names)), names, rotation=55, ha='left', rotation_mode='anchor', fontsize=9)
    axes.xaxis.tick_top()
    figure.colorbar(image, ax=axes, label='share of wrong clips', shrink=min(1, 4 / figure.get_figheight()))
    most = ', '.join(f'{subject} ({label})' for subject, label in shown[:5])
    return _paragraph(text) + _picture(figure, f'Share of wrong clips by subject and model; most often wrong: {most}')


def _short(text):
    return text if len(text) < 25 else text[:12] + '…' + text[-10:]


def _curves(results, looks):
    """Training loss of every epoch: mean over folds and seeds, and the band of all of them."""
    figure, said = _figure(), []
    axes = figure.add_subplot()
    for name, look in looks.items():
        curves = [curve for seed in results['models'][name].get('curves') or [] for curve in seed if curve]
        if curves:
            epochs = min(map(len, curves))
            losses, steps = np.array([curve[:epochs] for curve in curves]), np.arange(1, epochs + 1)
            axes.plot(steps, losses.mean(0), color=look['color'], linestyle=look['linestyle'], label=name,
                      marker='o' if epochs == 1 else None)
            axes.fill_between(steps, losses.min(0), losses.max(0), color=look['color'], alpha=.15, linewidth=0)
            said.append(f'{name} {losses[:, 0].mean():.3f} to {losses[:, -1].mean():.3f}')
    if not said:
        return ''
    axes.set(xlabel='epoch', ylabel='training loss')
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=9)
    return _paragraph('Mean over folds and seeds; the band goes from the lowest run to the highest.') + _picture(
        figure, 'Training loss, first to last epoch: ' + '; '.join(said))


def _cost(results):
    rows = cost_rows(results)
    if not rows:
        return ''
    devices = sorted({f'{cost["device"]}, {_count(cost["threads"], "thread")}' for cost in (
        model.get('cost') or {} for model in results['models'].values()) if 'device' in cost and 'threads' in cost})
    text = 'Multiply-adds of one window; minutes and seconds of training, a fold.'
    if devices:
        text += f' Trained on: {"; ".join(devices)}.'
    if any('latency_ms' in (model.get('cost') or {}) for model in results['models'].values()):
        text += ' Latency of one window after training, the models of a call in turn, with one CPU thread.'
    if '\n' in results.get('command', ''):
        text += ' The rows are of several calls (below), whose costs were measured apart.'
    return _paragraph(text) + _table(rows)


def _control(results):
    if results['models'].get(METADATA, {}).get('kind') != 'control':
        return ''
    return _paragraph(
        f'The row "{METADATA}" is a forest that sees frame rate, length, missing joints and image size, and no '
        'movement at all: as far as it is above chance, the recordings give the class away, and a model may have '
        'learned that in place of the gait.')


def _versions(results):
    if not results.get('versions'):
        return ''
    return _table([['', 'version'], *([name, str(value)] for name, value in results['versions'].items())])


def _commands(results):
    lines = [results['command']] if results.get('command') else []
    own = [command for model in results['models'].values() for command in model.get('commands') or []]
    body = f'<pre>{html.escape(chr(10).join(lines))}</pre>\n' if lines else ''
    if own:
        body += _paragraph('It runs these, of every model with the other seeds and folds as well:')
        body += f'<pre>{html.escape(chr(10).join(own))}</pre>\n'
    return body
