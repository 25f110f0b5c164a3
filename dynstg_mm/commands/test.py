"""Test a checkpoint with a config, one of ours or any of MMAction2's."""
import argparse
import os.path as osp
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dynstg_mm.commands.common import add_common_arguments, build_runner, count, run_job, wrong_settings
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import existing_file, resolve_shipped

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options of testing, which are those of MMAction2's tools/test.py."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser, 'logs, metrics and predictions.json, the scores of every clip')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--dump', metavar='FILE', help='also write the predictions to this .pkl file')
    parser.add_argument('--show-dir', metavar='FOLDER', help='save pictures of videos there; not of skeletons')
    parser.add_argument('--show', action='store_true', help='show the samples in a window')
    parser.add_argument('--interval', type=count, default=1, help='show or save every INTERVAL-th sample')
    parser.add_argument('--wait-time', type=float, default=2, metavar='SECONDS', help='how long a window stays open')
    return parser.parse_args(argv)


def merge_args(cfg: 'Config', args: argparse.Namespace) -> None:
    """Merge the options of testing into the config, after `--cfg-options`, so that these know the evaluator."""
    evaluators = cfg.get('test_evaluator')
    if evaluators is None:
        raise ConfigError(f'{args.config}: test_evaluator: missing; expected metrics, such as '
                          'dict(type="GaitMetric").')
    evaluators = list(evaluators) if isinstance(evaluators, (list, tuple)) else [evaluators]
    for evaluator in evaluators:
        if evaluator.get('type') == 'GaitMetric':
            evaluator.setdefault('out_file', osp.join(cfg.work_dir, 'predictions.json'))
    if args.dump is not None:
        if not args.dump.endswith(('.pkl', '.pickle')) or osp.isdir(args.dump):
            raise ConfigError(f'--dump: {args.dump}; expected a .pkl file.')
        evaluators.append(dict(type='DumpResults', out_file_path=args.dump))
    cfg.test_evaluator = evaluators
    if args.show or args.show_dir is not None:
        if _tests_skeletons(cfg):
            raise ConfigError('--show, --show-dir: not for skeletons, which MMAction2 cannot draw. To see them, use '
                              'python -m dynstg_mm keypoints FILE --out DIR --draw mp4; for answers, predict.')
        cfg.default_hooks.setdefault('visualization', dict(type='VisualizationHook')).update(
            enable=True, show=args.show, wait_time=args.wait_time, out_dir=args.show_dir, interval=args.interval)
    cfg.load_from = args.checkpoint


def _tests_skeletons(cfg: 'Config') -> bool:
    from mmaction.datasets import PoseDataset
    from mmaction.registry import DATASETS
    dataset = cfg.get('test_dataloader', {}).get('dataset', {})
    while 'dataset' in dataset:  # of a wrapper
        dataset = dataset.dataset
    kind = DATASETS.get(dataset.get('type', ''))
    return isinstance(kind, type) and issubclass(kind, PoseDataset)  # ours too


def test(args: argparse.Namespace) -> None:
    """Test with the parsed options."""
    from dynstg_mm.config import load_config
    from dynstg_mm.config_check import check_config
    if '://' not in args.checkpoint:
        existing_file(resolve_shipped(args.checkpoint), 'checkpoint')
    from dynstg_mm.hooks import CompleteCheckpointHook
    from dynstg_mm.inputs import record_inputs
    cfg = load_config(args)
    merge_args(cfg, args)
    check_config(cfg)
    runner = build_runner(cfg)
    with wrong_settings(cfg):
        _ = runner.test_loop
    record_inputs(runner)
    checkpoint = CompleteCheckpointHook(args.checkpoint)
    runner.register_hook(checkpoint)
    runner.test()
    tested = getattr(runner.test_loop.dataloader.dataset, 'metainfo', {}).get('source')
    if checkpoint.source and tested and may_know_the_people(checkpoint.source, tested):
        runner.logger.warning(f'{args.checkpoint}: trained on {checkpoint.source[1]} of {checkpoint.source[0]}, tested '
                              f'on {tested[1]}: it may know these people, so these are no scores of new people. Test '
                              'the checkpoint of this fold; for a shipped model see its card.')


def may_know_the_people(trained: Sequence[str], tested: Sequence[str]) -> bool:
    """Whether a model may have been trained on the people that it is tested on.

    Splits of one family do not share people; those of one task do. Another file with the same task may have the same
    people, as another pose estimator saw them. Otherwise nothing is known.

    Args:
        trained, tested: File and split.
    """
    from dynstg_mm.datasets.folds import split_family, split_task
    file_alike = trained[0] == tested[0]
    task_alike = split_task(trained[1]) == split_task(tested[1]) != 'all'
    family = split_family(trained[1])
    apart = trained[1] != tested[1] and family is not None and family == split_family(tested[1])
    return (file_alike or task_alike) and not apart


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run_job(test, parse_args(argv))
