"""Figures of results, each with a description in words for those who cannot see it."""
from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from dynstg_mm.benchmark.results import Results
from dynstg_mm.diagnostic_statistics import net_benefit
from dynstg_mm.scale_statistics import by_person, mean_scale_scores, scale_interval
from dynstg_mm.statistics import (
    Seeds,
    by_subject,
    calibration,
    class_scores,
    confusion_of,
    mean_roc,
    mean_scores,
    subject_interval,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, safe for the colour-blind; line styles and markers distinguish the models as well.
COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
DASHES = ('-', '--', '-.', ':')
MARKERS = 'os^Dv*P'
WIDTH = 5.  # inches; a phone then shows the text unscaled

Style = dict[str, str]


def styles_of(names: Sequence[str]) -> dict[str, Style]:
    """Colour, line style and marker of each model."""
    return {name: dict(color=COLORS[index % len(COLORS)], linestyle=DASHES[index // len(COLORS) % len(DASHES)],
                       marker=MARKERS[index % len(MARKERS)]) for index, name in enumerate(names)}


def new_figure(width: float = WIDTH, height: float = 3.6) -> Figure:
    """An empty figure that needs no display; sizes in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, file: IO[bytes], **options: Any) -> None:
    """Write a figure without the frame's upper and right lines."""
    for axes in figure.axes:
        axes.spines[['top', 'right']].set_visible(False)
    figure.savefig(file, **options)


def embedded(figure: Figure, description: str) -> dict[str, Any]:
    """A figure for the template of the page: an SVG in base64, its width in pixels, its description."""
    content = io.BytesIO()
    save(figure, content, format='svg', metadata=dict(Date=None))
    return dict(svg=base64.b64encode(content.getvalue()).decode(), width=round(112 * figure.get_figwidth()),
                description=description)


def forest(results: Results, names: Sequence[str]) -> tuple[Figure, str]:
    """Macro-F1, or the error of a number, of every model with its interval, per clip and per subject."""
    title = 'mean absolute error' if results.is_numeric else 'macro-F1'
    figure, described = new_figure(height=0.9 + 0.5 * len(names)), []
    axes, leaks = figure.add_subplot(), results.leaking_subjects()
    for row, name in enumerate(names):
        seeds = results.pooled(name)
        people = [by_person(clips, results.is_numeric) for clips in seeds]
        units = [('clip', seeds, -.13, COLORS[0]), ('subject', people, .13, 'white')]
        for unit, part, shift, face in units[:1] if leaks else units:
            score, (low, high) = _main_score(results, part)
            axes.plot([low, high], [row + shift] * 2, color=COLORS[0], linewidth=1.8)
            axes.plot(score, row + shift, 'o', color=COLORS[0], markerfacecolor=face, markersize=6,
                      label=f'per {unit}' if row == 0 else None)
            described.append(f'{name} per {unit} {score:.3f} [{low:.3f}, {high:.3f}]')
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set(ylim=(len(names) - .5, -.5), xlabel=f'{title}, 95 % interval by subject')
    axes.grid(axis='x', alpha=.3)
    figure.legend(loc='outside upper right', ncols=2, frameon=False, fontsize=9)
    return figure, f'{title.capitalize().replace("f1", "F1")} with intervals: ' + '; '.join(described)


def _main_score(results: Results, seeds: Seeds) -> tuple[float, tuple[float, float]]:
    """Macro-F1, or the mean absolute error of a number, and its interval."""
    if results.is_numeric:
        return mean_scale_scores(seeds, True)['mae'], scale_interval(seeds, True)['mae']
    classes = len(results.classes)
    return mean_scores(seeds, classes)['macro_f1'], subject_interval(seeds, classes)['macro_f1']


def scatter(results: Results, name: str) -> tuple[Figure, str]:
    """True and predicted numbers of every person, over clips and seeds, with the 90 % intervals."""
    people = by_person([clip for clips in results.pooled(name) for clip in clips], True)
    truth, scores = np.array([person['label'] for person in people]), np.array([person['score'] for person in people])
    figure = new_figure(4, 4)
    axes = figure.add_subplot()
    ends = [min(truth.min(), scores.min()), max(truth.max(), scores.max())]
    axes.plot(ends, ends, color='#8c959f', linewidth=1)
    axes.errorbar(truth, scores[:, 0], np.abs(scores[:, 1:] - scores[:, :1]).T, fmt='o', color=COLORS[0], markersize=4,
                  elinewidth=.7, alpha=.7)
    unit = f' [{results.target.unit}]' if results.target is not None and results.target.unit else ''
    axes.set(xlabel=f'true{unit}', ylabel=f'predicted{unit}')
    axes.set_title(name, fontsize=11, parse_math=False)
    return figure, f'Predicted against true values of {len(people)} persons by {name}'


def confusion_size(classes: Sequence[str]) -> float:
    """Width and height of a confusion matrix, in inches."""
    return max(2.6, 0.75 * len(classes) + 1.2)


def confusion_matrix(results: Results, name: str) -> tuple[Figure, str]:
    """Mean number of clips over the seeds, coloured by the share of the true class."""
    classes, size = results.classes, confusion_size(results.classes)
    confusion = np.mean([confusion_of(clips, len(classes)) for clips in results.pooled(name)], axis=0)
    share = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    figure = new_figure(size, size)
    axes = figure.add_subplot()
    axes.imshow(share, cmap='Blues', vmin=0, vmax=1)
    for row, column in np.ndindex(confusion.shape):
        axes.text(column, row, f'{confusion[row, column]:.1f}'.removesuffix('.0'), ha='center', va='center',
                  color='white' if share[row, column] > .55 else 'black', fontsize=10)
    axes.set_xticks(range(len(classes)), classes, rotation=35, ha='right', rotation_mode='anchor', fontsize=9,
                    parse_math=False)
    axes.set_yticks(range(len(classes)), classes, fontsize=9, parse_math=False)
    axes.set_title(name, fontsize=11, parse_math=False)
    axes.set_xlabel('predicted', fontsize=9)
    axes.set_ylabel('true', fontsize=9)
    return figure, f'Confusion matrix of {name}; recall ' + ', '.join(
        f'{label} {value:.2f}' for label, value in zip(classes, class_scores(confusion)['recall']))


def roc(results: Results, styles: Mapping[str, Style]) -> tuple[Figure, str]:
    """ROC curves by clip, one class against the rest, averaged over classes and seeds."""
    figure, described, rates = new_figure(height=5), [], np.linspace(0, 1, 201)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color='#8c959f', linewidth=1)
    for name, style in styles.items():
        right, area = mean_roc(results.pooled(name), len(results.classes), rates)
        axes.plot(rates, right, color=style['color'], linestyle=style['linestyle'],
                  label=_legend(f'{name}: AUC {area:.3f}'))
        described.append(f'{name} {area:.3f}')
    axes.set(xlabel='false positive rate', ylabel='true positive rate', xlim=(-.01, 1.01), ylim=(-.01, 1.01))
    axes.set_aspect('equal')
    axes.legend(loc='lower right', fontsize=9)
    return figure, 'ROC curves; area under the curve: ' + '; '.join(described)


def reliability(results: Results, styles: Mapping[str, Style]) -> tuple[Figure, str]:
    """Reliability diagram by clip over all seeds, in ten bins; larger marks have more clips."""
    figure, described = new_figure(height=5), []
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color='#8c959f', linewidth=1)
    for name, style in styles.items():
        confidence, right, count, error = calibration([clip for seed in results.pooled(name) for clip in seed])
        axes.plot(confidence, right, linewidth=1.2, color=style['color'], linestyle=style['linestyle'])
        axes.scatter(confidence, right, 8 + 150 * count / count.sum(), color=style['color'], marker=style['marker'],
                     alpha=.8)
        axes.plot([], [], color=style['color'], linestyle=style['linestyle'], marker=style['marker'],
                  label=_legend(f'{name}: ECE {error:.3f}'))
        described.append(f'{name} {error:.3f}')
    axes.set(xlabel='score of the predicted class', ylabel='share of right predictions', xlim=(0, 1.02),
             ylim=(-.02, 1.02))
    axes.set_aspect('equal')
    axes.legend(loc='upper left', fontsize=9)
    return figure, 'Reliability diagram; expected calibration error: ' + '; '.join(described)


def decision_curves(results: Results, styles: Mapping[str, Style], index: int) -> tuple[Figure, str]:
    """Net benefit of acting on a class, by person, against the probability from which one acts."""
    figure, described, thresholds = new_figure(height=4.2), [], np.linspace(.01, .95, 95)
    axes, label = figure.add_subplot(), results.classes[index]
    for name, style in styles.items():
        worth, everybody = net_benefit([by_subject(clips) for clips in results.pooled(name)], index, thresholds)
        axes.plot(thresholds, worth, color=style['color'], linestyle=style['linestyle'], label=_legend(name))
        described.append(f'{name} {np.interp(.5, thresholds, worth):.3f}')
    axes.plot(thresholds, everybody, color='#8c959f', linewidth=1, label='everybody')
    axes.axhline(0, color='black', linewidth=1, label='nobody')
    axes.set(xlabel=f'probability of {label} from which one acts', ylabel='net benefit', ylim=(-.05, None))
    axes.legend(fontsize=9)
    return figure, f'Decision curves of {label}; net benefit at a probability of 0.5: ' + '; '.join(described)


def subject_errors(results: Results, names: Sequence[str]) -> tuple[Figure | None, str, int, int]:
    """Share of wrong clips over the seeds: a row for each subject who is ever misclassified, a column for each model.

    Returns:
        The figure (None if no clip is wrong), its description, the number of subjects without an error, and of all.
    """
    wrong: dict[tuple[str, str], list[list[bool]]] = {}
    for column, name in enumerate(names):
        for clips in results.pooled(name):
            for clip in clips:
                rows = wrong.setdefault((clip['subject'], results.classes[clip['label']]), [[] for _ in names])
                rows[column].append(np.argmax(clip['score']) != clip['label'])
    share = {subject: [np.mean(values) for values in rows] for subject, rows in wrong.items()}
    shown = sorted((subject for subject in share if any(share[subject])),
                   key=lambda subject: (-np.mean(share[subject]), subject))
    if not shown:
        return None, '', len(share), len(share)
    figure = new_figure(height=0.5 + 0.06 * max(map(len, names)) + 0.2 * max(len(shown), 5))  # slanted names on top
    axes = figure.add_subplot()
    image = axes.imshow([share[subject] for subject in shown], cmap='Reds', vmin=0, vmax=1, aspect='auto',
                        interpolation='none')
    axes.set_yticks(range(len(shown)), [f'{_short(subject)} ({label})' for subject, label in shown], fontsize=9,
                    parse_math=False)
    axes.set_xticks(range(len(names)), names, rotation=55, ha='left', rotation_mode='anchor', fontsize=9,
                    parse_math=False)
    axes.xaxis.tick_top()
    figure.colorbar(image, ax=axes, label='share of wrong clips', shrink=min(1, 4 / figure.get_figheight()))
    most = ', '.join(f'{subject} ({label})' for subject, label in shown[:5])
    return (figure, f'Share of wrong clips by subject and model; most often wrong: {most}', len(share) - len(shown),
            len(share))


def learning_curves(results: Results, styles: Mapping[str, Style]) -> tuple[Figure | None, str]:
    """Training loss of every epoch: the mean over folds and seeds, and a band from the lowest run to the highest."""
    from matplotlib.ticker import MaxNLocator
    figure, described = new_figure(), []
    axes = figure.add_subplot()
    for name, style in styles.items():
        curves = [curve for curve in (results.models[name].curves or {}).values() if curve]
        if curves:
            epochs = min(map(len, curves))
            losses, steps = np.array([curve[:epochs] for curve in curves]), np.arange(1, epochs + 1)
            axes.plot(steps, losses.mean(0), color=style['color'], linestyle=style['linestyle'], label=_legend(name),
                      marker='o' if epochs == 1 else None)
            axes.fill_between(steps, losses.min(0), losses.max(0), color=style['color'], alpha=.15, linewidth=0)
            described.append(f'{name} {losses[:, 0].mean():.3f} to {losses[:, -1].mean():.3f}')
    if not described:
        return None, ''
    axes.set(xlabel='epoch', ylabel='training loss')
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=9)
    return figure, 'Training loss, first to last epoch: ' + '; '.join(described)


def _legend(text: str) -> str:
    """A label that matplotlib shows as it is: no formulas, and not hidden for a leading underscore."""
    return ('\N{ZERO WIDTH SPACE}' if text.startswith('_') else '') + text.replace('$', r'\$')


def _short(text: str) -> str:
    return text if len(text) < 25 else text[:12] + '…' + text[-10:]
