"""Test a checkpoint by a config, ours or any of MMAction2's."""
import argparse
import os.path as osp
from collections.abc import Sequence

from dynstg_mm.commands.common import (
    add_common_arguments,
    build_runner,
    keep_freed_memory,
    leave_process_group,
    one_line_errors,
)
from dynstg_mm.config import load_config


def parse_args(argv):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='test config file path')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help="the directory for logs, metrics and predictions.json (every clip's scores)")
    parser.add_argument('--dump', help='dump predictions to a pickle file for offline evaluation')
    parser.add_argument('--show-dir', help='directory where the visualization images will be saved')
    parser.add_argument('--show', action='store_true', help='display the prediction results in a window')
    parser.add_argument('--interval', type=int, default=1, help='visualize per interval samples')
    parser.add_argument('--wait-time', type=float, default=2, help='display time of every window (second)')
    add_common_arguments(parser)
    return parser.parse_args(argv)


def merge_args(cfg, args):
    """Merge the options of testing into the config."""
    evaluators = cfg.get('test_evaluator')
    if evaluators is None:
        raise ValueError(f'{args.config}: test_evaluator: missing; there is nothing to test with.')
    evaluators = list(evaluators) if isinstance(evaluators, (list, tuple)) else [evaluators]
    for evaluator in evaluators:
        if evaluator['type'] == 'GaitMetric':
            evaluator.setdefault('out_file', osp.join(cfg.work_dir, 'predictions.json'))
    if args.dump is not None:
        if not args.dump.endswith(('.pkl', '.pickle')):
            raise ValueError(f'--dump: {args.dump}; expected a .pkl file.')
        evaluators.append(dict(type='DumpResults', out_file_path=args.dump))
    cfg.test_evaluator = evaluators
    if args.show or args.show_dir is not None:
        if 'visualization' not in cfg.default_hooks:
            raise ValueError('--show: default_hooks.visualization: missing; set it to dict(type="VisualizationHook").')
        cfg.default_hooks.visualization.update(
            enable=True, show=args.show, wait_time=args.wait_time, out_dir=args.show_dir, interval=args.interval)
    cfg.load_from = args.checkpoint


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    keep_freed_memory()
    with one_line_errors():
        if not osp.isfile(args.checkpoint) and '://' not in args.checkpoint:
            raise FileNotFoundError(f'{args.checkpoint}: no such checkpoint.')
        cfg = load_config(args, lambda cfg: merge_args(cfg, args))
        build_runner(cfg).test()
        leave_process_group()
    return 0
