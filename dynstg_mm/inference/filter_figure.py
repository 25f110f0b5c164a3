"""A figure for papers of what the dynamic filters of a model do: phases over the stride, the graph on the skeleton."""
from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dynstg_mm.benchmark.figures import COLORS, new_figure
from dynstg_mm.errors import ClipError, ConfigError
from dynstg_mm.gait.cleaning import Clip
from dynstg_mm.gait.windows import SIDES
from dynstg_mm.inference.answer_figures import heading_of, upright
from dynstg_mm.inference.filters import OTHER, FilterReader, WalkFilters, mean_movement, movement, own_phases
from dynstg_mm.inference.strikes import over_stride
from dynstg_mm.skeleton_figure import SIDE_COLORS, bones
from dynstg_mm.skeletons import Layout, mirror_order, side_of

PHASE_COLORS = COLORS[2:6]  # not those of the sides
LINKS = 24  # most links that a skeleton shows
FAINT = 0.08  # share of the scale below which a link is not drawn
LEAST_SCALE = 0.5  # of the scale, in units of mean |A|: a graph that stands still must look so
SURE = 2.  # standard errors from which on a difference between groups is drawn as a solid line
NARROW = 0.5  # length of the mean vector from which on the middles of a phase are at one place of the stride
MINUS = '\N{MINUS SIGN}'

Groups = tuple[Sequence[str], Sequence[str]]


@dataclasses.dataclass
class FilterSummary:
    """What is drawn of a model.

    A dynamic part is the adjacency, summed over its subsets, in the middle of a phase (the frame of a window in which
    the phase is largest) minus its mean over the window, in units of the mean size of the adjacency.

    Attributes:
        walk: The walk that is drawn over time.
        people, walks: How many the means are over.
        movements: Standard deviation of the adjacency over time by its mean size, of each layer; None without one.
        curves: Number of a layer with phases of its own -> mean and standard deviation (CURVE, p) over the stride.
        layer: The layer whose graph is drawn. size: Mean size of its adjacency.
        middle: Mean dynamic part (p, v, v). places: Place of the middles in the stride, in [0, 1), or None.
        groups: Names of the classes that are compared, the second from the first; empty without people of both.
        apart: Difference (p, v, v) of the mean dynamic parts of the groups. sure: Where it is more than `SURE` standard
            errors of people.
    """

    walk: WalkFilters
    people: int
    walks: int
    movements: list[float | None]
    curves: dict[int, tuple[np.ndarray, np.ndarray]]
    layer: int | None
    size: float
    middle: np.ndarray
    places: list[float | None]
    groups: Groups
    apart: np.ndarray
    sure: np.ndarray


@dataclasses.dataclass
class _Part:
    """What is kept of one walk.

    It is for each layer: the phases, their places in the stride, and those of the middles (p, windows); and of its
    graph how it moves, the mean size of the sum over subsets, and the dynamic part (p, v, v).
    """

    subject: str
    label: int
    phases: list[np.ndarray]
    strides: list[np.ndarray]
    places: list[np.ndarray]
    movements: list[np.ndarray | None]
    sizes: list[float]
    dynamic: list[np.ndarray | None]


def summarise(reader: FilterReader, clips: Iterable[Clip], classes: Sequence[str], *, clip: str | None = None,
              layer: int | None = None, groups: Sequence[str] | None = None) -> FilterSummary:
    """What the filters of a model do in walks.

    Args:
        reader: The model.
        clips: Walks, with `subject` and `label`; those that the model cannot use are left out.
        classes: Names of the labels.
        clip: Name of the walk that is drawn over time; by default the first.
        layer: Number of the layer whose graph is drawn; by default the one that moves most.
        groups: Names of two classes, patients and controls; by default all others and the first.

    Raises:
        ConfigError: There is no such clip, layer or group.
    """
    walk, parts = None, []
    for one in clips:
        try:
            read = reader.read(one)
        except ClipError:
            if one['frame_dir'] == clip:
                raise
            continue
        if walk is None or read.clip == clip:
            walk = read
        parts.append(_part(read, str(one.get('subject', read.clip)), int(one['label'])))
    if walk is None or clip not in (None, walk.clip):
        raise ConfigError(f'--clip: {clip!r}: no such clip that the model can use.')
    movements = [mean_movement([moves for part in parts if (moves := part.movements[number]) is not None])[2]
                 for number in range(len(walk.layers))]
    curves = {number: _spread_over_stride(np.concatenate([part.strides[number] for part in parts]),
                                          np.concatenate([part.phases[number] for part in parts]))
              for number in own_phases(walk.layers)}
    about = walk, len({part.subject for part in parts}), len(parts), movements, curves
    moving = [number for number, share in enumerate(movements) if share is not None]
    if layer is not None and layer not in moving:
        raise ConfigError(f'--layer: {layer}; expected one of {", ".join(map(str, moving)) or "none"}, which have an '
                          'adjacency.')
    if not moving:
        empty = np.zeros((0, 0, 0))
        return FilterSummary(*about, None, 0., empty, [], ((), ()), empty, empty)
    layer = max(moving, key=lambda number: movements[number] or 0.) if layer is None else layer
    size = float(np.mean([part.sizes[layer] for part in parts]))
    people: dict[tuple[str, int], list[np.ndarray]] = {}
    for part in parts:
        dynamic = part.dynamic[layer]
        assert dynamic is not None
        people.setdefault((part.subject, part.label), []).append(dynamic / size)
    means = {person: np.mean(walks, axis=0) for person, walks in people.items()}
    chosen = _groups(groups, classes, {label for _, label in means})
    places = np.concatenate([part.places[layer] for part in parts], 1)
    return FilterSummary(*about, layer, size, np.mean(list(means.values()), axis=0), [_place(row) for row in places],
                         *_apart(means, classes, chosen))


def _part(walk: WalkFilters, subject: str, label: int) -> _Part:
    strikes = walk.marked or walk.found
    part = _Part(subject, label, [], [], [], [], [], [])
    for number, layer in enumerate(walk.layers):
        stride = walk.stride(number, strikes)
        peaks = layer.phases.argmax(1).T  # (p, windows)
        windows = np.arange(len(stride))
        part.phases.append(layer.phases.reshape(-1, layer.phases.shape[-1]))
        part.strides.append(stride.ravel())
        part.places.append(stride[windows, peaks])
        if layer.adjacency is None:
            part.movements.append(None)
            part.sizes.append(0.)
            part.dynamic.append(None)
            continue
        whole = layer.adjacency.sum(2)  # (windows, t, v, v)
        part.movements.append(movement(layer.adjacency))
        part.sizes.append(float(np.abs(whole).mean()))
        part.dynamic.append((whole[windows, peaks] - whole.mean(1)).mean(1))
    return part


def _spread_over_stride(stride: np.ndarray, phases: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of phases (n, p) around the points of the stride; NaN if no stride is known."""
    mean = over_stride(stride, phases)
    return mean, np.sqrt(np.maximum(over_stride(stride, phases**2) - mean**2, 0))


def _place(stride: np.ndarray) -> float | None:
    """Circular mean of places in the stride, if they are near each other."""
    known = stride[np.isfinite(stride)]
    mean = np.exp(2j * np.pi * known).mean() if len(known) else 0.
    return float(np.angle(mean) / (2 * np.pi) % 1) if abs(mean) >= NARROW else None


def _groups(asked: Sequence[str] | None, classes: Sequence[str], present: set[int]) -> Groups:
    """Names of the classes of patients and of controls."""
    shown = [name for label, name in enumerate(classes) if label in present]
    if asked:
        wrong = [name for name in asked if name not in shown]
        if wrong or asked[0] == asked[1]:
            raise ConfigError(f'--groups: {" ".join(asked)}; expected two of the classes in the test split, '
                              f'{", ".join(shown)}.')
        return [asked[0]], [asked[1]]
    others = [name for name in shown if name != classes[0]]
    return (others, [classes[0]]) if others and 0 in present else ((), ())


def _apart(people: dict[tuple[str, int], np.ndarray], classes: Sequence[str],
           groups: Groups) -> tuple[Groups, np.ndarray, np.ndarray]:
    """The groups, the difference of their means, and where it is sure."""
    parts = [np.array([mean for (_, label), mean in people.items() if label < len(classes) and classes[label] in names])
             for names in groups]
    if not all(map(len, parts)):
        empty = np.zeros_like(next(iter(people.values())))[:0]
        return ((), ()), empty, empty
    apart = parts[0].mean(0) - parts[1].mean(0)
    if min(map(len, parts)) < 2:
        return groups, apart, np.zeros_like(apart, bool)
    error = np.sqrt(sum(part.var(0, ddof=1) / len(part) for part in parts))
    return groups, apart, np.abs(apart) > SURE * error


def draw_filters(summary: FilterSummary, title: str) -> Any:
    """The figure, a page of a paper wide.

    Args:
        summary: From `summarise`.
        title: Above it.
    """
    own, phases = list(summary.curves), len(summary.middle)
    titles = []
    if phases > 1:
        titles = ['graph at the middle of each phase, minus its mean over time', 'difference between phases']
        if len(summary.apart):
            patients, controls = (names[0] if len(names) == 1 else 'all others' for names in summary.groups)
            titles.append(f'difference between people: {patients} {MINUS} {controls} (dotted: within {SURE:g} standard '
                          'errors)')
    heights = [1.3 * len(own) + 0.7, *[1.95] * len(titles), *[0.55] * bool(titles)]
    figure = new_figure(7.2, sum(heights) + 0.2)
    figure.suptitle(title, fontsize=9, parse_math=False)
    top, *rows = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    _draw_phases(top, summary)
    if not titles:
        return figure
    names = [f'phase {phase + 1}' for phase in range(phases)]
    steps = [(phase, (phase + 1) % phases) for phase in range(phases if phases > 2 else 1)]
    between = np.array([summary.middle[after] - summary.middle[before] for before, after in steps])
    scale = max(LEAST_SCALE, *(np.abs(links_of(graph)).max() for graph in (*summary.middle, *between, *summary.apart)))
    poses = [_pose(summary.walk, summary.layer or 0, phase) for phase in range(phases)]
    content = [
        [(name + _at(place), graph, pose, None)
         for name, place, graph, pose in zip(names, summary.places, summary.middle, poses)],
        [(f'{names[after]} {MINUS} {names[before][6:]}', graph, poses[after], None)
         for (before, after), graph in zip(steps, between)],
        [(name, graph, pose, sure) for name, graph, pose, sure in zip(names, summary.apart, poses, summary.sure)]]
    for letter, row, about, panels in zip('def', rows, titles, content):
        row.suptitle(f'$\\bf{{{letter}}}$  {_plain(about)}', fontsize=8, x=0.01, ha='left')
        for place, (name, graph, pose, sure) in zip(row.subplots(1, phases, squeeze=False)[0], panels):
            draw_links(place, pose, graph, summary.walk.layout, scale, sure)
            place.set_title(name, fontsize=8)
        for place in row.axes[len(panels):]:
            place.set_axis_off()
    bar = rows[-1].colorbar(_colors(scale), cax=rows[-1].add_axes((0.15, 0.72, 0.7, 0.18)), orientation='horizontal',
                            extend='both')
    bar.set_label(f'change of the adjacency, in units of its mean size (layer {summary.layer}: mean |A| = '
                  f'{summary.size:.3f}); one scale for all skeletons', fontsize=7)
    bar.ax.tick_params(labelsize=7)
    return figure


def _at(place: float | None) -> str:
    return '' if place is None else f', {100 * place:.0f} % of the stride'


def _draw_phases(figure: Any, summary: FilterSummary) -> None:
    """Phases over time and over the stride, and how much each layer's graph moves."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    own, several = list(summary.curves), len(summary.curves) > 1
    grid = figure.add_gridspec(len(own), 3, width_ratios=(2.1, 1.3, 1))
    panels = [[figure.add_subplot(grid[row, column]) for column in range(2)] for row in range(len(own))]
    moving = figure.add_subplot(grid[:, 2])
    walk = summary.walk
    strikes, mirrored = walk.marked or walk.found, bool(walk.mirrored.mean() > 0.5)
    if mirrored:
        strikes = {OTHER[side]: seconds for side, seconds in strikes.items()}
    for number, (time, stride) in zip(own, panels):
        _over_time(time, walk, number, strikes)
        _over_stride(stride, *summary.curves[number])
        time.set_ylabel(f'layer {number}: phase' if several else 'phase', fontsize=8)
    for axes, letter, text in zip([*panels[0], moving], 'abc', (
            walk.clip + ', mirrored' * mirrored, f'{summary.walks} walks of {summary.people} people', 'graph')):
        axes.set_title(f'$\\bf{{{letter}}}$  {_plain(text)}', fontsize=8, loc='left')
    panels[-1][0].set_xlabel('time [s]', fontsize=8)
    panels[-1][1].set_xlabel('stride of the leg seen as left [%]', fontsize=8)
    _moving(moving, summary)
    for axes in figure.axes:
        axes.tick_params(labelsize=7)
        axes.spines[['top', 'right']].set_visible(False)
    count = max(mean.shape[1] for mean, _ in summary.curves.values())
    handles: list[Any] = [Patch(color=_color(phase), label=f'phase {phase + 1}') for phase in range(count)]
    handles += [Line2D([], [], color=SIDE_COLORS[side], marker='^', linewidth=0.8, markersize=5,
                       label=f'{side} foot strike') for side in SIDES if strikes.get(side)]
    figure.legend(handles=handles, loc='outside upper center', ncols=len(handles), fontsize=7, frameon=False,
                  handlelength=1.2, columnspacing=1.2)


def _over_time(axes: Any, walk: WalkFilters, number: int, strikes: dict[str, list[float]]) -> None:
    """Phases of a layer over the recording, mean over the windows that show a moment, and the foot strikes."""
    layer = walk.layers[number]
    step = float(np.diff(layer.seconds[0]).mean()) if layer.seconds.shape[1] > 1 else 1.
    first = float(layer.seconds.min())
    place = np.round((layer.seconds - first) / step).astype(int).ravel()
    count = np.bincount(place)
    mean = np.stack([np.bincount(place, values) for values in layer.phases.reshape(len(place), -1).T], 1)
    shown = count > 0
    axes.stackplot(first + step * np.flatnonzero(shown), (mean[shown] / count[shown, None]).T,
                   colors=[_color(phase) for phase in range(mean.shape[1])], linewidth=0)
    end = first + step * (len(count) - 1)
    for side, seconds in strikes.items():
        for second in seconds:
            if first <= second <= end:
                axes.axvline(second, color=SIDE_COLORS[side], linewidth=0.8)
                axes.plot(second, 0, marker='^', color=SIDE_COLORS[side], markersize=5, clip_on=False, zorder=5)
    axes.set(xlim=(first, end), ylim=(0, 1))
    axes.locator_params('x', nbins=8)


def _over_stride(axes: Any, mean: np.ndarray, spread: np.ndarray) -> None:
    """Mean phases over the stride, and a band of one standard deviation over all strides."""
    percent = 100 * (np.arange(len(mean)) + 0.5) / len(mean)
    for phase, (middle, apart) in enumerate(zip(mean.T, spread.T)):
        axes.plot(percent, middle, color=_color(phase), linewidth=1.4)
        axes.fill_between(percent, np.maximum(middle - apart, 0), np.minimum(middle + apart, 1), color=_color(phase),
                          alpha=.2, linewidth=0)
    axes.set(xlim=(0, 100), ylim=(0, 1), xticks=(0, 50, 100))
    if not np.isfinite(mean).any():
        axes.text(50, 0.5, 'no stride found', ha='center', fontsize=8)


def _moving(axes: Any, summary: FilterSummary) -> None:
    """How much the graph of each layer moves."""
    known = [(number, share) for number, share in enumerate(summary.movements) if share is not None]
    if not known:
        axes.set_axis_off()
        return
    most = max(share for _, share in known)
    for number, share in known:
        axes.bar(number, share, color='#333333' if number == summary.layer else '#aaaaaa', width=0.7)
        axes.text(number, share, f' {share:.3f}', rotation=90, ha='center', va='bottom', fontsize=6)
    axes.set(ylim=(0, max(0.3, 1.4 * most)), xticks=[number for number, _ in known])
    axes.set_xlabel('layer' + (f' (drawn: {summary.layer})' if len(known) > 1 else ''), fontsize=8)
    axes.set_ylabel('SD over time / mean |A|', fontsize=7)


def _pose(walk: WalkFilters, number: int, phase: int) -> np.ndarray:
    """Pose (v, 2) in the middle of a phase in the first window, walking to the right with y up, as the network sees the
    sides."""
    layer = walk.layers[number]
    second = layer.seconds[0, layer.phases[0, :, phase].argmax()]
    place = upright(np.asarray(walk.keypoint, float))
    if place.shape[-1] == 3:
        angle = heading_of(place, walk.layout)
        place = np.stack([np.cos(angle) * place[..., 0] + np.sin(angle) * place[..., 2], place[..., 1]], -1)
    pose = place[min(max(round((second - walk.start) * walk.rate), 0), len(place) - 1)]
    return pose[mirror_order(walk.layout)] * (-1, 1) if walk.mirrored[0] else pose


def draw_links(axes: Any, pose: np.ndarray, graph: np.ndarray, layout: Layout, scale: float,
               sure: np.ndarray | None = None) -> None:
    """Draw the strongest links of a graph on a pose: colour and width by the mean of both directions.

    Args:
        axes: Of Matplotlib.
        pose: Shape (v, 2).
        graph: Shape (v, v); its diagonal colours the joints.
        layout: Skeleton layout.
        scale: End of the colour scale.
        sure: Shape (v, v); other links are dotted.
    """
    from matplotlib.patches import FancyArrowPatch
    colors, links = _colors(scale), links_of(graph)
    edges = {frozenset(edge) for edge in bones(layout)}
    for edge in bones(layout):
        axes.plot(*pose[list(edge)].T, color='#d0d4d9', linewidth=3, solid_capstyle='round', zorder=1)
    pairs = sorted(zip(*np.triu_indices(len(links), 1)), key=lambda pair: -abs(links[pair]))
    for one, other in reversed([pair for pair in pairs[:LINKS] if abs(links[pair]) >= FAINT * scale]):
        share = abs(links[one, other]) / scale
        known = sure is None or sure[one, other] or sure[other, one]
        bend = 0 if frozenset((int(one), int(other))) in edges else 0.18
        axes.add_patch(FancyArrowPatch(
            pose[one], pose[other], arrowstyle='-', connectionstyle=f'arc3,rad={bend}', shrinkA=0, shrinkB=0,
            color=colors.to_rgba(links[one, other]), linewidth=0.4 + 3.2 * share, linestyle='-' if known else ':',
            zorder=2 + share))
    axes.scatter(*pose.T, s=13, c=colors.to_rgba(np.diagonal(graph)), edgecolors='#59636e', linewidths=0.5, zorder=4)
    middle, half = (pose.min(0) + pose.max(0)) / 2, 0.56 * float(np.ptp(pose, axis=0).max())
    axes.set(aspect='equal', xlim=(middle[0] - half, middle[0] + half),
             ylim=(middle[1] - 1.15 * half, middle[1] + half))
    axes.text(0.5, -0.02, f'largest {np.abs(links).max():.2g}', transform=axes.transAxes, fontsize=6, ha='center',
              va='top', color='#59636e')
    ankles = sorted((leg[-1] for leg in layout.get('legs', ())), key=lambda ankle: pose[ankle, 0])
    for ankle, towards in zip(ankles, ('right', 'left')):  # apart even where the legs cross
        axes.annotate(side_of(layout, ankle)[:1].upper(), pose[ankle], (1 if towards == 'left' else -1, -4),
                      textcoords='offset points', fontsize=6, ha=towards, va='top')
    axes.set_axis_off()


def links_of(graph: np.ndarray) -> np.ndarray:
    """Mean of both directions of a graph (v, v), without joints' links to themselves."""
    links = (graph + graph.T) / 2
    np.fill_diagonal(links, 0)
    return links


def _colors(scale: float) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    return ScalarMappable(Normalize(-scale, scale), 'RdBu_r')


def _plain(text: str) -> str:
    """A text that Matplotlib shows as it is."""
    return text.replace('$', r'\$')


def _color(phase: int) -> str:
    return PHASE_COLORS[phase % len(PHASE_COLORS)]
