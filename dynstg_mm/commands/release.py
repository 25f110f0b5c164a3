"""Make the weights of a task: cross-validate a recipe, train it on everybody, and add what answers need.

    python -m dynstg_mm release configs/zoo/koa-nm.yml --out work_dirs/koa-nm

The recipe is an experiment file with a section `release`; its first model counts, or that of --models. The command

1. cross-validates the model, its teacher first, and keeps the checkpoints,
2. trains both once more on all people, by the same schedule,
3. fits the calibration, the prediction sets and the distances from the training walks to the people whom the models of
   the folds did not see,
4. writes NAME-DIGITS.pth, the card NAME.md and the entry of metafile.yml to --out, or to --zoo.

If the command is stopped, the same command resumes it.
"""
import argparse
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status, 1 if a run failed."""
    from dynstg_mm.commands.common import count, one_line_errors, own_command, seed
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('recipe', help='experiment file (YAML)')
    parser.add_argument('--models', nargs=1, metavar='NAME', help='model to publish (default: the first of the recipe)')
    parser.add_argument('--out', required=True, help='folder for the runs')
    parser.add_argument('--zoo', help='folder for weights, card and metafile.yml (default: --out)')
    parser.add_argument('--jobs', type=count, default=1, help='runs in parallel (default: 1)')
    parser.add_argument('--seed', type=seed, help='training seed (default: the first of the recipe, or 0)')
    parser.add_argument('--cfg-options', nargs='+', action='extend', default=[], metavar='KEY=VALUE',
                        help='settings for all models')
    parser.add_argument('--no-controls', action='store_true', help='leave out the controls')
    parser.add_argument('--redo', action='store_true', help='delete and rerun runs with other settings, data or code')
    args = parser.parse_args(argv)
    from dynstg_mm.benchmark.runs import shown_command
    with one_line_errors('stopped; the same command resumes'):
        from dynstg_mm.inference.release import release
        return release(_as_cross_validation(args), shown_command(own_command('release', argv)))


def _as_cross_validation(args: argparse.Namespace) -> argparse.Namespace:
    """The options of `cross-validate`."""
    from dynstg_mm.commands.cross_validate import add_arguments
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = parser.parse_args([args.recipe, '--out', args.out])
    for name, value in vars(args).items():
        if hasattr(options, name):
            setattr(options, name, value)
    options.seeds, options.zoo = None if args.seed is None else [args.seed], args.zoo
    return options
