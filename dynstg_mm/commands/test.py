"""Test a checkpoint with a config, one of ours or any of MMAction2's."""
import argparse
import os.path as osp
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dynstg_mm.commands.common import (
    add_common_arguments,
    build_runner,
    keep_freed_memory,
    leave_process_group,
    one_line_errors,
)
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import resolve_shipped

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options of testing, which are those of MMAction2's tools/test.py."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file, or dynstg_mm::NAME of a shipped one')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='folder for logs, metrics and predictions.json, the scores of every clip; '
                        'by default work_dirs/NAME_OF_CONFIG')
    parser.add_argument('--dump', metavar='FILE', help='also write the predictions to this .pkl file')
    parser.add_argument('--show-dir', metavar='FOLDER', help='save pictures of the samples there')
    parser.add_argument('--show', action='store_true', help='show the samples in a window')
    parser.add_argument('--interval', type=int, default=1, help='show or save every INTERVAL-th sample')
    parser.add_argument('--wait-time', type=float, default=2, metavar='SECONDS', help='how long a window stays open')
    add_common_arguments(parser)
    return parser.parse_args(argv)


def merge_args(cfg: 'Config', args: argparse.Namespace) -> None:
    """Merge the options of testing into the config."""
    evaluators = cfg.get('test_evaluator')
    if evaluators is None:
        raise ConfigError(f'{args.config}: test_evaluator: missing; expected what to test with, such as '
                          'dict(type="GaitMetric").')
    evaluators = list(evaluators) if isinstance(evaluators, (list, tuple)) else [evaluators]
    for evaluator in evaluators:
        if evaluator['type'] == 'GaitMetric':
            evaluator.setdefault('out_file', osp.join(cfg.work_dir, 'predictions.json'))
    if args.dump is not None:
        if not args.dump.endswith(('.pkl', '.pickle')):
            raise ConfigError(f'--dump: {args.dump}; expected a .pkl file.')
        evaluators.append(dict(type='DumpResults', out_file_path=args.dump))
    cfg.test_evaluator = evaluators
    if args.show or args.show_dir is not None:
        if 'visualization' not in cfg.default_hooks:
            raise ConfigError(f'{args.config}: default_hooks.visualization: missing; --show needs '
                              'dict(type="VisualizationHook").')
        cfg.default_hooks.visualization.update(
            enable=True, show=args.show, wait_time=args.wait_time, out_dir=args.show_dir, interval=args.interval)
    cfg.load_from = args.checkpoint


def test(args: argparse.Namespace) -> None:
    """Test as the parsed options say."""
    from dynstg_mm.config import load_config
    if '://' not in args.checkpoint and not osp.isfile(resolve_shipped(args.checkpoint)):
        raise FileNotFoundError(f'{args.checkpoint}: no such checkpoint.')
    cfg = load_config(args, lambda cfg: merge_args(cfg, args))
    build_runner(cfg).test()


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    keep_freed_memory()
    with one_line_errors():
        test(args)
        leave_process_group()
    return 0
