"""Measure whether movement phases follow the gait cycle, and whether the graph moves, on walks of people left out.

    python -m dynstg_mm check-phases work_dirs/koa-nm --models small --out phases.json
    python -m dynstg_mm check-phases CONFIG CHECKPOINT --cfg-options fold=0

The first measures each model of a cross-validation on the people whom its fold left out, and averages over folds and
seeds. The second measures checkpoints on the test split of the config. Each prints a table with a row a layer:

NMI: normalised mutual information of the largest phase of a frame and eight bins of the stride. It is 0 if the phases
do not know the stride, and 0.6 to 0.8 for four sharp ones, by where they begin. The stride is that of foot strikes
found in the keypoints, of those that the annotation lists in `events`, and the true one of synthetic walks. Phases
start as those of the difference between the legs, so that a network without training already follows the stride.
Use, entropy: mean of each phase; mean entropy of a frame, 0 for one phase at a time, 1 for equal phases.
SD of A / mean |A|: how much the graph moves, its standard deviation over time, mean over pairs, by its mean size.
Alpha: mean size of the weight of the graph's dynamic part, which starts at 0.5.
All layers share the phases: the first row has them. If STG-Mamba blocks have phases of their own, so have their rows.

--out holds the figures; further calls with other names add theirs.
"""
import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dynstg_mm.commands.common import CfgOptions, run_command, seed
from dynstg_mm.errors import ConfigError, DataError

if TYPE_CHECKING:
    from dynstg_mm.inference import GaitInferencer

Measured = dict[str, list[dict[str, Any]]]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('source', metavar='CONFIG_OR_RUNS',
        help='config, or the --out of release or of cross-validate --keep-checkpoints')
    add('checkpoints', nargs='*', metavar='CHECKPOINT', help='checkpoints of the config')
    add('--models', nargs='+', metavar='NAME', help='models of the runs (default: all that have filters)')
    add('--seeds', nargs='+', type=seed, help='training seeds of the runs (default: all)')
    add('--no-synthetic', action='store_true', help='leave out the synthetic walks')
    add('--name', help="of the rows in --out (default: the model's or checkpoint's)")
    add('--out', metavar='FILE', help='JSON file to write; rows of other names that it has stay')
    add('--cfg-options', nargs='+', action=CfgOptions, metavar='KEY=VALUE', help='override settings of the config')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run_command(check, parse_args(argv))


def check(args: argparse.Namespace) -> None:
    """Measure, print the tables, and write the result."""
    from pathlib import Path

    from mmaction.utils import register_all_modules
    from mmengine.logging import MMLogger

    from dynstg_mm.benchmark.filters import read_filters
    from dynstg_mm.files import write_json
    from dynstg_mm.inference.filter_checks import filter_rows
    from dynstg_mm.text import markdown
    register_all_modules(init_default_scope=True)
    MMLogger.get_current_instance().setLevel('WARNING')
    content = read_filters(args.out) if args.out and Path(args.out).exists() else {}
    measured = 0
    for name, found in _runs(args) if Path(args.source).is_dir() else _checkpoints(args):
        measured += 1
        if args.name and measured > 1:
            raise ConfigError(f'--name: {args.name}, for {args.source}, which has several models; choose one.')
        content[args.name or name] = found
        print(f'{name}\n\n{markdown(filter_rows(found))}\n', flush=True)
    if args.out:
        write_json(args.out, content, indent=1)
        print(f'{args.out}: written')


def _checkpoints(args: argparse.Namespace) -> Iterator[tuple[str, Measured]]:
    """Name and figures of each checkpoint of a config."""
    from dynstg_mm.files import existing_file, resolve_shipped
    from dynstg_mm.inference import GaitInferencer
    existing_file(resolve_shipped(args.source), 'config, or folder of runs')
    if not args.checkpoints:
        raise ConfigError(f'{args.source}: no checkpoint; expected CONFIG CHECKPOINT, or the folder of a '
                          'cross-validation.')
    for path in args.checkpoints:
        inferencer = GaitInferencer(args.source, path, cfg_options=args.cfg_options)
        yield path, _measure(inferencer, path, args)


def _runs(args: argparse.Namespace) -> Iterator[tuple[str, Measured]]:
    """Name and mean figures of each model of a cross-validation."""
    from pathlib import Path

    from mmengine.config import Config

    from dynstg_mm.benchmark.runs import kept_runs
    from dynstg_mm.inference import GaitInferencer
    from dynstg_mm.inference.filter_checks import mean_rows
    from dynstg_mm.progress import with_bar
    if args.checkpoints or args.cfg_options:
        raise ConfigError(f'{args.source}: a folder of runs, which record their configs and checkpoints; leave out '
                          'CHECKPOINT and --cfg-options.')
    names = args.models or sorted(path.name for path in Path(args.source).glob('runs/*') if path.is_dir())
    for name in names or ['*']:
        runs = kept_runs(args.source, name, args.seeds)
        parts: list[Measured] = []
        for run in with_bar(runs, name):
            inferencer = GaitInferencer(Config(run.record['config']), run.checkpoint())
            if not args.models and not hasattr(inferencer.model.backbone, 'filters'):
                break  # another network
            parts.append(_measure(inferencer, str(run), args))
        if parts:
            yield name, {key: mean_rows([part[key] for part in parts]) for key in parts[0]}


def _measure(inferencer: 'GaitInferencer', name: str, args: argparse.Namespace) -> Measured:
    from dynstg_mm.inference.filter_checks import check_filters, synthetic_walks
    from dynstg_mm.inference.filters import test_clips
    found = dict(test=check_filters(inferencer, test_clips(inferencer.cfg)[0]))
    if not found['test']:
        raise DataError(f'{name}: the model can use no clip of the test split.')
    if not args.no_synthetic:
        found['synthetic'] = check_filters(inferencer, synthetic_walks(inferencer))
    return found


if __name__ == '__main__':
    raise SystemExit(main())
