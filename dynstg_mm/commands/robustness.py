"""Test trained models on corrupted recordings: lost joints, noise, a lower frame rate, shorter clips.

    python -m dynstg_mm cross-validate CONFIG CONFIG --out work_dirs/koa_nm --keep-checkpoints
    python -m dynstg_mm robustness work_dirs/koa_nm --models small large st-gcn --baseline st-gcn \\
        --out work_dirs/koa_nm/robustness
    python -m dynstg_mm robustness work_dirs/koa_nm/robustness/robustness.json --out work_dirs/again
    python -m dynstg_mm robustness FIRST.json SECOND.json --out work_dirs/together

Every checkpoint is tested on its own fold, on corrupted recordings, which are the same for all models. Joints are lost,
and clips cut, only while the person is visible, so that every clip can still be tested. Noise has the same
strength after the low-pass filter at any frame rate, because the frame rate may depend on the class.

--out then holds robustness.json (the scores of every clip), robustness.md and robustness.png. The third command
regenerates the last two, for all models and corruptions or some of them; the fourth merges the models of several files
with the same clips.
"""
import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dynstg_mm.commands.common import one_line_errors, own_command
from dynstg_mm.errors import ConfigError, ResultsError

if TYPE_CHECKING:
    from dynstg_mm.benchmark.robustness import Robustness

KINDS = ('joints', 'noise', 'rate', 'seconds')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('sources', nargs='+', metavar='SOURCE',
                        help='the --out of cross-validate --keep-checkpoints, or robustness.json files')
    parser.add_argument('--models', nargs='+', help='models to test; with a robustness.json, by default all')
    parser.add_argument('--seeds', nargs='+', type=int, help='training seeds (default: all)')
    parser.add_argument('--baseline', help='model whose loss the other losses are compared with (default: the last)')
    parser.add_argument('--kinds', nargs='+', choices=KINDS, help='corruptions (default: all)')
    parser.add_argument('--out', required=True, help='folder for robustness.json, robustness.md and robustness.png')
    args = parser.parse_args(argv)
    from dynstg_mm.benchmark.runs import shown_command
    with one_line_errors():
        _robustness(args, shown_command(own_command('robustness', argv)))
    return 0


def _robustness(args: argparse.Namespace, command: str) -> None:
    from dynstg_mm.benchmark.robustness import Robustness
    from dynstg_mm.files import atomic_open
    from dynstg_mm.text import markdown
    files = [Path(source).suffix == '.json' for source in args.sources]
    if len(files) > 1 and not all(files):
        raise ResultsError(f'{args.sources[files.index(False)]}: not a robustness.json; several sources must all be '
                           'robustness.json files.')
    if files[0] and args.seeds:
        raise ConfigError('--seeds: selects runs of a folder; a robustness.json always keeps all seeds.')
    if files[0]:
        content, *others = [Robustness.read(source) for source in args.sources]
        for other, source in zip(others, args.sources[1:]):
            content = content.merge(other, source)
        content = content.select(args.models, args.kinds, args.baseline)
    else:
        content = _measure(args, command)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    names = ['robustness.md', 'robustness.png']
    if len(files) > 1 or not files[0]:  # a selection of one file must not replace it
        names.insert(0, 'robustness.json')
        content.write(out / names[0])
    table = markdown(content.rows())
    with atomic_open(out / 'robustness.md') as file:
        file.write(table + '\n')
    with atomic_open(out / 'robustness.png', 'wb') as file:
        content.draw(file)
    print(f'{table}\n{out}: {", ".join(names)}')


def _measure(args: argparse.Namespace, command: str) -> 'Robustness':
    """Test the models of a folder, once the options are checked."""
    folder, baseline = args.sources[0], args.baseline or (args.models or [''])[-1]
    if not Path(folder).is_dir():
        raise ResultsError(f'{folder}: not a folder; expected the --out of cross-validate, or a robustness.json.')
    if not args.models:
        raise ConfigError(f'--models: missing; expected names of models in {folder}.')
    for field in ('models', 'kinds'):
        asked = getattr(args, field) or []
        if len(set(asked)) < len(asked):
            raise ConfigError(f'--{field}: {" ".join(asked)}; expected each once.')
    if baseline not in args.models:
        raise ConfigError(f'--baseline: {baseline!r}; expected one of {", ".join(args.models)}.')
    from mmaction.utils import register_all_modules
    from mmengine.logging import MMLogger

    from dynstg_mm.benchmark.robustness import measure
    register_all_modules(init_default_scope=True)
    MMLogger.get_current_instance().setLevel('WARNING')
    Path(args.out).mkdir(parents=True, exist_ok=True)  # before what takes long
    return measure(folder, args.models, args.kinds or list(KINDS), baseline, args.seeds, command)
