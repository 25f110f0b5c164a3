"""Train a model from a config, one of ours or any of MMAction2's."""
import argparse
import os
import os.path as osp
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dynstg_mm.commands.common import add_common_arguments, build_runner, run_job, seed, wrong_settings
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import write_json

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options of training, which are those of MMAction2's tools/train.py."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser, 'logs and checkpoints')
    parser.add_argument(
        '--resume', nargs='?', const='auto', metavar='CHECKPOINT',
        help='resume from this checkpoint, or from the latest one in the work folder; without one it is an error')
    parser.add_argument('--amp', action='store_true', help='automatic mixed precision (needs a GPU)')
    parser.add_argument('--no-validate', action='store_true', help='do not evaluate during training')
    parser.add_argument(
        '--auto-scale-lr', action='store_true',
        help='scale the learning rate by the ratio of the actual batch size to the config\'s base_batch_size')
    parser.add_argument('--seed', type=seed, help='random seed, instead of the config\'s')
    parser.add_argument('--diff-rank-seed', action='store_true', help='use a different seed on every rank')
    parser.add_argument('--deterministic', action='store_true', help='use deterministic algorithms of cuDNN')
    return parser.parse_args(argv)


def merge_args(cfg: 'Config', args: argparse.Namespace) -> None:
    """Merge the options of training into the config."""
    if args.amp:
        use_amp(cfg)
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if args.auto_scale_lr:
        if 'auto_scale_lr' not in cfg:
            raise ConfigError(f'{args.config}: auto_scale_lr: missing; --auto-scale-lr needs its base_batch_size.')
        cfg.auto_scale_lr.enable = True
    randomness = dict(cfg.get('randomness') or {})
    if args.seed is not None:
        randomness['seed'] = args.seed
    randomness.setdefault('seed', None)
    for option in ('diff_rank_seed', 'deterministic'):
        if getattr(args, option):
            randomness[option] = True
    cfg.randomness = randomness


def use_amp(cfg: 'Config') -> None:
    """Switch the optimizer wrapper to automatic mixed precision."""
    import torch
    from mmengine.device import get_device
    if get_device() == 'cpu':
        raise ConfigError('--amp: needs a GPU, and there is none here.')
    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if wrapper not in ('OptimWrapper', 'AmpOptimWrapper'):
        raise ConfigError(f'optim_wrapper.type: {wrapper}; --amp expects OptimWrapper or AmpOptimWrapper.')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    if torch.cuda.is_available() and torch.cuda.is_bf16_supported():  # needs no loss scaling
        cfg.optim_wrapper.setdefault('dtype', 'bfloat16')
    cfg.optim_wrapper.setdefault('loss_scale', 1. if cfg.optim_wrapper.get('dtype') == 'bfloat16' else 'dynamic')


def write_summary(runner: 'Runner', started: float) -> None:
    """Write what this run cost into `train_summary.json`, beside its checkpoints.

    Args:
        runner: The runner after training.
        started: When training started or resumed, in seconds since the epoch.
    """
    import torch
    from mmengine.device import get_device
    cpu = os.times()
    summary = dict(
        parameters=sum(value.numel() for name, value in runner.model.named_parameters()
                       if value.requires_grad and 'distill_' not in name),
        epochs=runner.epoch, seconds=round(time.time() - started, 1), cpu_seconds=round(cpu.user + cpu.system, 1),
        device=torch.cuda.get_device_name() if get_device() == 'cuda' else get_device(),
        threads=torch.get_num_threads(), torch=torch.__version__)
    write_json(osp.join(runner.work_dir, 'train_summary.json'), summary, indent=1)


def train(args: argparse.Namespace) -> None:
    """Train with the parsed options."""
    from mmengine.runner import Runner, find_latest_checkpoint

    from dynstg_mm.config import check_parts, load_config
    from dynstg_mm.config_check import check_config
    from dynstg_mm.hooks import CompleteCheckpointHook, check_classes, check_targets, fit_targets
    from dynstg_mm.inputs import record_inputs
    from dynstg_mm.validation_check import check_validation
    cfg = load_config(args, lambda cfg: merge_args(cfg, args))
    if args.no_validate:  # after --cfg-options, which may be about the validation too
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    check_config(cfg)
    for field in ('train_cfg', 'train_dataloader', 'optim_wrapper'):
        if cfg.get(field) is None:
            raise ConfigError(f'{args.config}: {field}: missing; a training needs it.')
    check_validation(cfg, '--no-validate' if args.no_validate else None)
    check_parts(cfg)
    started = time.time()
    runner = build_runner(cfg)
    resumed = (cfg.get('load_from') or find_latest_checkpoint(cfg.work_dir)) if cfg.get('resume') else None
    record_inputs(runner)
    fit_targets(runner)
    if cfg.get('resume'):
        if resumed is not None:
            runner.register_hook(CompleteCheckpointHook(resumed))
        elif args.resume is not None:  # with resume=True in the config, a run may start or resume
            raise FileNotFoundError(f'--resume: {cfg.work_dir}: holds no checkpoint; leave --resume out to train from '
                                    'the start, or name the checkpoint.')
    head = (cfg.model.get('student') or cfg.model).get('cls_head') or {}
    with wrong_settings(cfg):  # these are built now, not in `runner.train`, so that any other error there is a bug
        check_classes(head.get('num_classes'), runner.train_loop.dataloader.dataset)
        check_targets(head, runner.train_loop.dataloader.dataset)
        if isinstance(runner, Runner):
            runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        _ = runner.val_loop
    if not len(runner.train_dataloader):
        batch = cfg.train_dataloader.get('batch_size')
        raise ConfigError(f'{args.config}: train_dataloader.batch_size: {batch}; there are too few clips for one '
                          'batch in every process. Choose a smaller one, or set drop_last=False.')
    runner.train()
    if runner.rank == 0:
        write_summary(runner, started)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run_job(train, parse_args(argv), 'stopped; --resume resumes from the last checkpoint')
