"""Measure how fast a config's data are loaded, compared with MMAction2's own skeleton pipeline on the same clips.

    python -m dynstg_mm benchmark-data \\
        configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py

The loaders take turns in rounds, so that other load on the machine affects all of them. A figure is the median over the
rounds with half of the interquartile range; the ratio is the median of the rounds' ratios. All loaders have the batch
size and workers of the config, and MMAction2's pipeline gives as many frames and windows as ours. Our data sets cache
the result of the first transforms; the row without the cache is the cost of the first epoch. The second table has the
time of each transform of the config per sample, measured in this process without the cache.
"""
from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dynstg_mm.commands.common import CfgOptions, one_line_errors
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import atomic_open
from dynstg_mm.progress import with_bar
from dynstg_mm.statistics import spread
from dynstg_mm.text import markdown

if TYPE_CHECKING:
    from mmaction.datasets import PoseDataset

OURS, FRESH, STOCK = 'the config\'s', 'the config\'s, without the cache', 'MMAction2\'s own'


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config whose data set and pipeline are measured')
    parser.add_argument('--part', choices=['train', 'val', 'test'], default='train', help='the loader to measure')
    parser.add_argument('--rounds', type=int, default=9, help='rounds in which every loader takes its turn')
    parser.add_argument('--samples', type=int, default=256, help='samples per round')
    parser.add_argument('--workers', type=int, help='processes, instead of the config\'s')
    parser.add_argument('--threads', type=int, default=1, help='threads of the main process')
    parser.add_argument('--out', type=Path, metavar='FILE', help='also write the tables to this file')
    parser.add_argument('--cfg-options', nargs='+', action=CfgOptions, metavar='KEY=VALUE',
                        help='override settings of the config')
    args = parser.parse_args(argv)
    if min(args.rounds, args.samples, args.threads) < 1:
        parser.error('--rounds, --samples and --threads: expected positive numbers')
    import torch
    from mmaction.utils import register_all_modules
    register_all_modules()
    torch.set_num_threads(args.threads)
    with one_line_errors():
        text = benchmark(args)
        if args.out is not None:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            with atomic_open(args.out) as file:
                file.write(text + '\n')
    print(text)
    return 0


def benchmark(args: argparse.Namespace) -> str:
    """Both tables as text."""
    from mmaction.datasets import PoseDataset
    from mmaction.registry import DATASETS
    from mmengine.runner import Runner

    from dynstg_mm.config import apply_options, read_config
    from dynstg_mm.config_check import check_config
    cfg = apply_options(read_config(args.config), args.cfg_options)
    check_config(cfg)
    loader = cfg.get(f'{args.part}_dataloader')
    if loader is None:
        raise ConfigError(f'{args.config}: {args.part}_dataloader: missing; choose another --part.')
    loader = dict(loader, num_workers=loader['num_workers'] if args.workers is None else args.workers)
    loader['persistent_workers'] = loader['num_workers'] > 0
    dataset = DATASETS.build(loader['dataset'])
    if not isinstance(dataset, PoseDataset):
        raise ConfigError(f'{args.config}: dataset: {type(dataset).__name__}; expected a PoseDataset or GaitDataset.')
    datasets = {OURS: dataset, STOCK: DATASETS.build(dict(loader['dataset'], pipeline=stock_pipeline(dataset)))}
    if getattr(dataset, 'cache_mb', 0):
        datasets[FRESH] = DATASETS.build(dict(loader['dataset'], cache_mb=0))
    batches = {name: endless(Runner.build_dataloader(dict(loader, dataset=part))) for name, part in datasets.items()}
    speeds: dict[str, list[float]] = {name: [] for name in batches}
    for part in batches.values():  # fills the cache
        samples_per_second(part, max(len(dataset), args.samples))
    for turn in with_bar(range(args.rounds), 'loading'):
        for name in list(batches)[::-1 if turn % 2 else 1]:
            speeds[name].append(samples_per_second(batches[name], args.samples))
    shape = tuple(dataset[0]['inputs'].shape)
    lines = [f'{args.part} of {Path(args.config).name}: {len(dataset)} clips, batch size {loader["batch_size"]}, '
             f'{loader["num_workers"]} workers, samples of shape {shape}, {args.rounds} rounds of {args.samples} '
             f'samples; {platform.processor() or platform.machine()}, Python {platform.python_version()}, numpy '
             f'{np.__version__}']
    lines.append(markdown([['pipeline', 'samples/s', 'times MMAction2\'s']] + [
        [name, spread(values), spread(np.divide(values, speeds[STOCK])) if name != STOCK else '1']
        for name, values in speeds.items()]))
    lines.append(markdown(transform_rows(dataset, args.samples)))
    return '\n\n'.join(lines)


def stock_pipeline(dataset: PoseDataset) -> list[Any]:
    """The pipeline of MMAction2's skeleton configs, with as many frames and windows as the data set's own.

    It knows the bones of three layouts only, so it loads joints, and motion if the config's pipeline has it.
    """
    windows, _, frames, _, channels = dataset[0]['inputs'].shape
    dimensions = dataset.get_data_info(0)['keypoint'].shape[-1]
    feats = ['j', 'jm'] if channels > dimensions else ['j']
    first: list[Any] = [dict(type='PreNormalize2D'), dict(type='GenSkeFeat', dataset='coco', feats=feats)]
    if dimensions == 3:
        first = [without_score, dict(type='PreNormalize3D'), dict(type='GenSkeFeat', feats=feats)]
    return first + [
        dict(type='UniformSampleFrames', clip_len=frames, num_clips=windows, test_mode=dataset.test_mode),
        dict(type='PoseDecode'),
        dict(type='FormatGCNInput', num_person=1),
        dict(type='PackActionInputs')]


def without_score(results: dict[str, Any]) -> dict[str, Any]:
    """Remove the scores, which MMAction2's 3-D transforms refuse."""
    results.pop('keypoint_score', None)
    return results


def endless(loader: Iterable[Any]) -> Iterator[Any]:
    """Batches of a loader, again and again."""
    while True:
        yield from loader


def samples_per_second(batches: Iterator[Any], samples: int) -> float:
    """Speed of loading at least so many samples."""
    start, loaded = time.perf_counter(), 0
    while loaded < samples:
        loaded += len(next(batches)['inputs'])
    return loaded / (time.perf_counter() - start)


def transform_rows(dataset: PoseDataset, samples: int) -> list[list[str]]:
    """Time of each transform per sample, the header first."""
    transforms = dataset.pipeline.transforms
    seconds = np.zeros((samples, len(transforms)))
    order = np.random.default_rng(0).integers(len(dataset), size=samples)
    for row, index in enumerate(with_bar(order, 'timing transforms')):
        data = dataset.get_data_info(int(index))
        for column, transform in enumerate(transforms):
            start = time.perf_counter()
            data = transform(data)
            seconds[row, column] = time.perf_counter() - start
    means = 1000 * seconds.mean(0)
    rows = [[type(transform).__name__, f'{mean:.3f}', spread(1000 * seconds[:, column]),
             f'{mean / means.sum():.0%}'] for column, (transform, mean) in enumerate(zip(transforms, means))]
    total = ['all', f'{means.sum():.3f}', spread(1000 * seconds.sum(1)), '100%']
    return [['transform', 'ms per sample, mean', 'median ± half of the interquartile range', 'share'], *rows, total]
