"""What the models cost beside MMAction2's, and the selective scan beside its reference, all measured in one run.

    python -m dynstg_mm benchmark --out work_dirs/benchmark
    python -m dynstg_mm benchmark --parts models --models stgcn dynstg-mamba-small --dtype bfloat16

Models take turns, round by round, so that what else the machine does hits all alike; a time is the median over the
rounds with half the distance of its quartiles, a ratio the median over the rounds of the ratio to the model named by
--baseline; latency is the mean of 20 calls behind 5 that warm up. Multiply-adds count matrix products, convolutions,
temporal filters and scans of one window. Peak memory is what a training step needs beyond the model at rest, on the CPU
as the system sees it, in a process of its own.
"""
import argparse
import itertools
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmaction.registry import MODELS
from mmaction.utils import register_all_modules
from mmengine.config import Config

import dynstg_mm  # noqa: F401  before torch
from dynstg_mm.benchmark.cost import multiply_adds, processor
from dynstg_mm.benchmark.tables import markdown
from dynstg_mm.commands.common import keep_freed_memory, one_line_errors
from dynstg_mm.files import atomic_open
from dynstg_mm.ops import selective_scan
from dynstg_mm.ops.selective_scan import runs
from dynstg_mm.skeletons import get_layout

ROOT = Path(__file__).parents[2]
MODEL_CONFIGS = {  # file of configs/_base_/models, and what differs from it
    'dynstg-mamba-large': ('dynstg_mamba', dict(backbone=dict(size='large'), cls_head=dict(in_channels=192))),
    'dynstg-mamba-small': ('dynstg_mamba', dict()),
    'df-stgnn': ('df_stgnn', dict()),
    'stgcn': ('stgcn', dict()),
    'stgcnpp': ('stgcnpp', dict()),
    'aagcn': ('aagcn', dict()),
}
PARTS = ('models', 'growth', 'scan')
BACKENDS = ('torch', 'numba', 'triton', 'mamba')
SCANS = ('272,64,64,4', '400,32,50,4', '272,128,100,16')


def scan_size(text):
    """'b,d,l,n', four positive numbers."""
    numbers = [int(part) if part.strip().isdigit() else 0 for part in text.split(',')]
    if len(numbers) != 4 or not all(numbers):
        raise argparse.ArgumentTypeError(f'{text!r}; expected four positive numbers b,d,l,n, such as {SCANS[0]}')
    return ','.join(map(str, numbers))


def parse_args(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=PARTS)
    parser.add_argument('--models', nargs='+', choices=list(MODEL_CONFIGS), default=list(MODEL_CONFIGS))
    parser.add_argument('--baseline', choices=list(MODEL_CONFIGS), default='stgcn', help='what ratios are taken to')
    parser.add_argument('--layouts', nargs='+', default=['body_25', 'coco'], help='names of skeleton layouts')
    parser.add_argument('--frames', type=int, default=100, help='frames of a window')
    parser.add_argument('--batch-size', type=int, default=16, help='of throughput and training step')
    parser.add_argument('--growth-frames', nargs='+', type=int, default=[64, 256, 1024, 4096])
    parser.add_argument('--growth-models', nargs='+', choices=list(MODEL_CONFIGS),
                        default=['dynstg-mamba-large', 'dynstg-mamba-small', 'stgcn'])
    parser.add_argument('--growth-batch-size', type=int, default=2)
    parser.add_argument('--scans', nargs='+', type=scan_size, default=SCANS, metavar='B,D,L,N',
                        help='sizes of the scan')
    parser.add_argument('--backends', nargs='+', choices=BACKENDS, default=BACKENDS,
                        help='of the scan, beside the reference; those that do not run here are left out')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--dtype', choices=['float32', 'bfloat16', 'float16'], default='float32',
                        help='autocast type of the models, type of the scan\'s input')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads(), help='of the CPU')
    parser.add_argument('--out', help='folder for benchmark.md, benchmark.json and growth.png')
    parser.add_argument('--memory-of', help=argparse.SUPPRESS)  # what a process of its own is started with
    return parser.parse_args(argv)


class Bench:
    """Builds, runs and times models as the options say."""

    def __init__(self, args):
        if args.device.startswith('cuda') and not torch.cuda.is_available():
            raise ValueError(f'--device: {args.device}; torch sees no GPU here.')
        self.device, self.kind = torch.device(args.device), getattr(torch, args.dtype)
        if self.device.type == 'cuda':
            torch.cuda.set_device(self.device.index or 0)

    def build(self, name, layout):
        """Recognizer of that name for a layout: four classes, x, y and confidence."""
        file, change = MODEL_CONFIGS[name]
        config = Config.fromfile(ROOT / f'configs/_base_/models/{file}.py')
        config.merge_from_dict(dict(model=change))
        config.model.cls_head.num_classes = 4
        config.model.backbone.in_channels = 3
        config.model.backbone.graph_cfg.layout = layout
        torch.manual_seed(0)
        return MODELS.build(config.model).to(self.device)

    def window(self, batch, frames, layout):
        return torch.randn(batch, 1, frames, get_layout(layout)['num_node'], 3, device=self.device)

    def infer(self, model, x):
        """Scores of a model that is in eval mode: to go there costs what serving pays once."""
        with torch.no_grad(), self.autocast():
            return model.cls_head(model.backbone(x))

    def train(self, model, x):
        model.train()
        with self.autocast():
            scores = model.cls_head(model.backbone(x))
        labels = torch.zeros(len(x), dtype=torch.long, device=x.device)
        torch.nn.functional.cross_entropy(scores.float(), labels).backward()
        model.zero_grad()

    def autocast(self):
        return torch.autocast(self.device.type, self.kind, enabled=self.kind != torch.float32)

    def seconds(self, call, *inputs, repeats=1, warmup=0):
        for _ in range(warmup):
            call(*inputs)
        self.synchronize()
        start = time.perf_counter()
        for _ in range(repeats):
            call(*inputs)
        self.synchronize()
        return (time.perf_counter() - start) / repeats

    def synchronize(self):
        if self.device.type == 'cuda':
            torch.cuda.synchronize()

    def peak(self, call):
        """Bytes that a call needs beyond what is there."""
        if self.device.type == 'cuda':
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            call()
            return torch.cuda.max_memory_allocated() - before
        before = resident_peak()
        call()
        return resident_peak() - before


def resident_peak():
    """Bytes of memory that this process has ever held at once."""
    try:  # of the program that runs now; getrusage would still know the process that started it
        status = Path('/proc/self/status').read_text()
        return int(status.split('VmHWM:')[1].split()[0]) * 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)


def memory_task(bench, args, task):
    """Peak bytes of one training step or one scan; first a small one, which compiles and loads what is needed."""
    kind, *what = task.split(':')
    if kind == 'scan':
        backend, size = what
        scan(bench, backend, scan_inputs(bench, (1, 2, 2, 2)))
        inputs = scan_inputs(bench, map(int, size.split(',')))
        return bench.peak(lambda: scan(bench, backend, inputs))
    name, layout = what
    model = bench.build(name, layout)
    bench.train(model, bench.window(1, 16, layout))
    x = bench.window(args.batch_size, args.frames, layout)
    return bench.peak(lambda: bench.train(model, x))


def peak_memory(bench, args, task):
    """Peak bytes of a task, on the CPU in a process of its own, where all that is freed goes back to the system."""
    if bench.device.type == 'cuda':
        return memory_task(bench, args, task)
    command = [sys.executable, '-m', 'dynstg_mm', 'benchmark', '--memory-of', task, '--frames', args.frames, '--batch-size', args.batch_size,
               '--device', args.device, '--dtype', args.dtype, '--threads', args.threads]
    done = subprocess.run(list(map(str, command)), env=dict(os.environ, MALLOC_MMAP_THRESHOLD_='65536'), text=True,
                          stdout=subprocess.PIPE, check=True)
    return int(done.stdout.split()[-1])


def measure_models(bench, args, layout):
    """Rows of the table of models, and the same as numbers."""
    models = {name: bench.build(name, layout) for name in args.models}
    one, many = (bench.window(batch, args.frames, layout) for batch in (1, args.batch_size))
    times = {name: dict(latency=[], throughput=[], step=[]) for name in models}
    for turn in range(args.rounds + 1):
        progress(f'{layout}: round {turn} of {args.rounds}')
        for name, model in models.items():
            model.eval()
            found = dict(latency=bench.seconds(bench.infer, model, one, repeats=20, warmup=5),
                         throughput=bench.seconds(bench.infer, model, many),
                         step=bench.seconds(bench.train, model, many))
            for key, value in found.items():
                times[name][key] += [value] * (turn > 0)  # the first round compiles and warms up
    results = {}
    for name, model in models.items():
        progress(f'{layout}: memory of {name}')
        results[name] = dict(
            parameters=sum(value.numel() for value in model.parameters()), multiply_adds=multiply_adds(model, one),
            memory=peak_memory(bench, args, f'train:{name}:{layout}'), **times[name])
    base = results.get(args.baseline)
    rows = [[f'model ({layout})', 'parameters', 'multiply-adds', 'latency, batch 1',
             f'throughput, batch {args.batch_size}', 'training step', 'peak memory of a step']]
    for name, cost in results.items():
        rows.append([
            name, f'{cost["parameters"]:,}' + ratio(cost, base, 'parameters'),
            f'{cost["multiply_adds"] / 1e9:.3f} G' + ratio(cost, base, 'multiply_adds'),
            spread(cost['latency'], 1e3, 'ms') + ratio(cost, base, 'latency'),
            spread([args.batch_size / value for value in cost['throughput']], 1, 'windows/s'),
            spread(cost['step'], 1e3, 'ms') + ratio(cost, base, 'step'),
            f'{cost["memory"] / 2**20:.0f} MB' + ratio(cost, base, 'memory')])
    return rows, results


def measure_growth(bench, args):
    """Training step and peak memory as the window grows."""
    layout, rows = args.layouts[0], [['training step', *(f't = {frames}' for frames in args.growth_frames)]]
    models = {name: bench.build(name, layout) for name in args.growth_models}
    times = {name: {frames: [] for frames in args.growth_frames} for name in models}
    rounds = max(1, args.rounds // 2)
    for turn, frames, (name, model) in itertools.product(range(rounds + 1), args.growth_frames, models.items()):
        progress(f'growth: round {turn} of {rounds}, t = {frames}, {name}')
        if turn or frames == args.growth_frames[0]:
            took = bench.seconds(bench.train, model, bench.window(args.growth_batch_size, frames, layout))
            times[name][frames] += [took] * (turn > 0)
    for name, found in times.items():
        first = found[args.growth_frames[0]]
        rows.append([name] + [spread(values, 1e3, 'ms') + f', x {np.median(values) / np.median(first):.1f}'
                              for values in found.values()])
    return rows, times


def scan_inputs(bench, size):
    """Channels last in memory, as the models hand them over, seen in mamba's order."""
    b, d, length, n = size
    def random(*shape):
        return torch.randn(*shape, device=bench.device, dtype=bench.kind).transpose(1, 2).requires_grad_()
    A = (-torch.rand(d, n, device=bench.device)).requires_grad_()
    return [random(b, length, d), random(b, length, d), A, random(b, length, n), random(b, length, n)]


def scan(bench, backend, inputs):
    y = selective_scan(*inputs, delta_softplus=True, backend=backend)
    torch.autograd.grad(y, inputs, y.detach())  # adding up gradients of earlier rounds is no part of a scan


def measure_scan(bench, args):
    """Forward and backward of every backend that runs here, and its peak memory."""
    interpreted = 'triton' if bench.device.type == 'cpu' else None  # says nothing about speed
    backends = ['reference'] + [name for name in args.backends if name != interpreted and runs(name, args.device)]
    rows, results = [['scan (b, d, l, n)', 'backend', 'forward + backward', 'times as fast', 'peak memory']], {}
    for size in args.scans:
        inputs, times = scan_inputs(bench, map(int, size.split(','))), {name: [] for name in backends}
        for turn, name in itertools.product(range(max(2, args.rounds // 2) + 1), backends):
            progress(f'scan {size}: round {turn}, {name}')
            times[name] += [bench.seconds(scan, bench, name, inputs)] * (turn > 0)
        memory = {name: peak_memory(bench, args, f'scan:{name}:{size}') for name in backends}
        results[size] = {name: dict(seconds=times[name], memory=memory[name]) for name in backends}
        for name in backends:
            faster = np.median(np.array(times['reference']) / np.array(times[name]))
            rows.append([f'({size.replace(",", ", ")})', name, spread(times[name], 1e3, 'ms'), f'{faster:.1f}',
                         f'{memory[name] / 2**20:.0f} MB, x {memory[name] / max(memory["ref"], 1):.3f}'])
    return rows, results


def spread(values, factor, unit):
    """Median and half the distance of the quartiles."""
    low, middle, high = np.percentile(values, [25, 50, 75]) * factor
    digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
    return f'{middle:.{digits}f} ± {(high - low) / 2:.{digits}f} {unit}'


def ratio(cost, base, key):
    """Median over the rounds of the ratio to the baseline."""
    return '' if base is None else f', x {np.median(np.array(cost[key]) / np.array(base[key])):.3f}'


def machine(args):
    """The machine, in words."""
    if args.device == 'cpu':
        device = f'{processor()}, {args.threads} of {os.cpu_count()} cores'
    else:
        device = torch.cuda.get_device_name(args.device)
    python = platform.python_version()
    return f'{device}; {args.dtype}, torch {torch.__version__}, Python {python}, {args.rounds} rounds'


def growth_picture(path, times):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(6, 4), layout='constrained')
    for name, found in times.items():
        axes.plot(list(found), [np.median(values) for values in found.values()], marker='o', label=name)
    axes.set(xscale='log', yscale='log', xlabel='frames', ylabel='seconds a training step')
    axes.set_xticks(list(found), list(found))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def progress(text):
    print(f'\r{text:<70}', end='', file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    torch.set_num_threads(args.threads)
    register_all_modules()
    with one_line_errors():
        bench = Bench(args)
        if args.memory_of:
            print(memory_task(bench, args, args.memory_of))
        else:
            benchmark(bench, args)
    return 0


def benchmark(bench, args):
    keep_freed_memory()
    tables, results = [], dict(machine=machine(args), options=vars(args))
    for layout in args.layouts if 'models' in args.parts else ():
        rows, results[f'models_{layout}'] = measure_models(bench, args, layout)
        tables.append(rows)
    if 'growth' in args.parts:
        rows, results['growth'] = measure_growth(bench, args)
        tables.append(rows)
    if 'scan' in args.parts:
        rows, results['scan'] = measure_scan(bench, args)
        tables.append(rows)
    progress('')
    text = f'{machine(args)}; windows of {args.frames} frames\n\n' + '\n\n'.join(map(markdown, tables))
    print('\r' + text)
    if args.out:
        out = Path(args.out)
        out.mkdir(parents=True, exist_ok=True)
        for name, content in (('benchmark.md', text + '\n'), ('benchmark.json', json.dumps(results, indent=1))):
            with atomic_open(out / name) as file:
                file.write(content)
        if 'growth' in args.parts:
            growth_picture(out / 'growth.png', results['growth'])
