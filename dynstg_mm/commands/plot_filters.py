"""Draw what the dynamic filters of a model do: a figure for papers, of the walks of the test split.

    python -m dynstg_mm plot-filters CONFIG CHECKPOINT --out work_dirs/filters --format pdf png

The figure shows (a) the movement phases of one walk over time, with foot strikes; (b) the phases over the stride of the
leg that the network sees as the left one, mean and standard deviation over all strides of all walks; (c) how much the
graph of each layer moves; (d) the graph in the middle of each phase minus its mean over time, on the skeleton; (e) the
difference between phases; (f) the difference between two groups of people, by default all other classes minus the
first, which is the healthy one in our data sets. All layers share the phases; if STG-Mamba blocks have phases of their
own, (a) and (b) have a row for each. All skeletons have one colour scale, whose unit is the mean size of the adjacency.
It reaches at least from -0.5 to 0.5, so that a graph that stands still looks so. In video the network sees a walk to
the left mirrored, and it is drawn so.

Also writes filters.npz: `phases_layer_N` (t, p), `adjacency_layer_N` (t, k, v, v) and `seconds_layer_N` (t,) for the
first window of the walk, N from 0, and `middle`, `difference` (p, v, v) as drawn.
"""
import argparse
from collections.abc import Sequence
from typing import Any

from dynstg_mm.commands.common import CfgOptions, run_command
from dynstg_mm.errors import ConfigError

FORMATS = ('png', 'pdf', 'svg')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file of the model')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--clip', help='name (frame_dir) of the clip that is drawn over time; by default the first')
    parser.add_argument('--layer', type=int, help='number of the layer whose graph is drawn; by default the one that '
                        'moves most')
    parser.add_argument('--groups', nargs=2, metavar=('PATIENTS', 'CONTROLS'),
                        help='classes to compare; by default all others and the first')
    parser.add_argument('--format', nargs='+', choices=FORMATS, default=['png'],
                        help='formats of the figure (default: png)')
    parser.add_argument('--out', required=True, help='folder for the figure and filters.npz')
    parser.add_argument('--cfg-options', nargs='+', action=CfgOptions, metavar='KEY=VALUE',
                        help='override settings of the config')
    return run_command(plot, parser.parse_args(argv))


def plot(args: argparse.Namespace) -> None:
    """Write the figure and the arrays."""
    from pathlib import Path

    import matplotlib
    import numpy as np

    from dynstg_mm.files import atomic_open
    from dynstg_mm.inference import GaitInferencer
    from dynstg_mm.inference.filter_figure import draw_filters, summarise
    from dynstg_mm.inference.filters import FilterReader, test_clips
    from dynstg_mm.progress import with_bar
    inferencer = GaitInferencer(args.config, args.checkpoint, cfg_options=args.cfg_options)
    reader = FilterReader(inferencer)
    clips, classes = test_clips(inferencer.cfg)
    names = [clip['frame_dir'] for clip in clips]
    if args.clip not in (None, *names):
        raise ConfigError(f'--clip: {args.clip!r} is not in the test split; its first clips are '
                          f'{", ".join(names[:3])}.')
    summary = summarise(reader, with_bar(clips, 'walks'), classes or inferencer.classes, clip=args.clip,
                        layer=args.layer, groups=args.groups)
    arrays: dict[str, Any] = dict(middle=summary.middle, difference=summary.apart)
    for number, layer in enumerate(summary.walk.layers):
        arrays |= {f'{key}_layer_{number}': value[0] for key, value in layer._asdict().items() if value is not None}
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    with atomic_open(out / 'filters.npz', 'wb') as file:
        np.savez_compressed(file, **arrays)
    figure = draw_filters(summary, f'{inferencer.name}, {Path(args.checkpoint).name}')
    with matplotlib.rc_context({'svg.fonttype': 'none', 'pdf.fonttype': 42}):  # text remains text
        for form in args.format:
            own = dict(dpi=300) if form == 'png' else dict(
                metadata={'CreationDate' if form == 'pdf' else 'Date': None})
            with atomic_open(out / f'filters.{form}', 'wb') as file:
                figure.savefig(file, format=form, **own)
    print(f'{out}: wrote {", ".join(f"filters.{form}" for form in args.format)} and filters.npz; over time: clip '
          f'{summary.walk.clip}')
