"""The measurements of the command `benchmark`."""
import itertools
import json
import os
import platform
import resource
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from dynstg_mm.benchmark.cost import multiply_adds, processor
from dynstg_mm.benchmark.tables import milliseconds, speed_rows
from dynstg_mm.commands import benchmark as command
from dynstg_mm.commands.common import keep_freed_memory, own_command
from dynstg_mm.commands.speed_answer import answer_task, measure_answer
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import SHIPPED, atomic_open, resolve_shipped
from dynstg_mm.ops import selective_scan
from dynstg_mm.ops.selective_scan import runs
from dynstg_mm.skeletons import get_layout
from dynstg_mm.text import markdown

Rows = list[list[str]]


def run(args: Namespace) -> None:
    """Measure, print the tables, and write them to `--out`."""
    args.device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    args.threads = args.threads or torch.get_num_threads()
    torch.set_num_threads(args.threads)
    init_default_scope('mmaction')
    bench = Bench(args)
    if args.task:
        job, _, details = args.task.partition(':')
        if job == 'answer':
            started, folder = details.split(':', 1)
            print(answer_task(args, float(started), folder))
        else:
            print(memory_task(bench, args, args.task))
        return
    keep_freed_memory()
    if args.out:
        Path(args.out).mkdir(parents=True, exist_ok=True)  # before what takes long
    tables: list[Rows] = []
    results: dict[str, Any] = dict(machine=machine(args), options=vars(args))
    for layout in args.layouts if 'models' in args.parts else ():
        rows, results[f'models_{layout}'] = measure_models(bench, args, layout)
        tables.append(rows)
    if 'growth' in args.parts:
        rows, results['growth'] = measure_growth(bench, args)
        tables.append(rows)
    if 'scan' in args.parts:
        rows, results['scan'] = measure_scan(bench, args)
        tables.append(rows)
    if 'answer' in args.parts:
        rows, results['answer'] = measure_answer(args)
        tables.append(rows)
    progress('')
    windows = f'windows of {args.frames} frames, persons: {args.persons}'
    text = f'{machine(args)}; {windows}\n\n' + '\n\n'.join(map(markdown, tables))
    print('\r' + text)
    if args.out:
        write(Path(args.out), text, results)


def write(out: Path, text: str, results: dict[str, Any]) -> None:
    """Write benchmark.md, benchmark.json and, if growth was measured, growth.png."""
    out.mkdir(parents=True, exist_ok=True)
    for name, content in (('benchmark.md', text + '\n'), ('benchmark.json', json.dumps(results, indent=1))):
        with atomic_open(out / name) as file:
            file.write(content)
    if 'growth' in results:
        growth_picture(out / 'growth.png', results['growth'])


class Bench:
    """Builds, runs and times models according to the options."""

    def __init__(self, args: Namespace) -> None:
        self.persons = args.persons
        if args.device.startswith('cuda') and not torch.cuda.is_available():
            raise ConfigError(f'--device: {args.device}; PyTorch finds no GPU here.')
        try:
            self.device, self.dtype = torch.device(args.device), getattr(torch, args.dtype)
        except RuntimeError:
            raise ConfigError(f'--device: {args.device}; expected a device such as cpu or cuda:0.') from None
        if self.device.type == 'cuda':
            torch.cuda.set_device(self.device.index or 0)

    def build(self, name: str, layout: str) -> nn.Module:
        """A recognizer for a layout, with four classes; its input is x, y and confidence."""
        config = Config.fromfile(resolve_shipped(f'{SHIPPED}_base_/models/{command.MODELS[name]}.py'))
        config.model.cls_head.num_classes = 4
        config.model.backbone.in_channels = 3
        config.model.backbone.graph_cfg.layout = layout
        if 'num_person' in config.model.backbone:
            config.model.backbone.num_person = self.persons
        torch.manual_seed(0)
        return MODELS.build(config.model).to(self.device)

    def window(self, batch: int, frames: int, layout: str) -> Tensor:
        """Random windows, (batch, persons, frames, V, 3)."""
        return torch.randn(batch, self.persons, frames, get_layout(layout)['num_node'], 3, device=self.device)

    def infer(self, model: nn.Module, x: Tensor) -> Tensor:
        """Scores of a model in eval mode; switching to it is not part of the latency."""
        with torch.no_grad(), self.autocast():
            return model.cls_head(model.backbone(x))

    def train(self, model: nn.Module, x: Tensor) -> None:
        """Forward and backward pass of a training step."""
        model.train()
        with self.autocast():
            scores = model.cls_head(model.backbone(x))
        labels = torch.zeros(len(x), dtype=torch.long, device=x.device)
        torch.nn.functional.cross_entropy(scores.float(), labels).backward()
        model.zero_grad()

    def autocast(self) -> torch.autocast:
        """Context of the type to compute in."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def seconds(self, call: Callable[..., Any], *inputs: Any, repeats: int = 1, warmup: int = 0) -> float:
        """Mean time of a call."""
        for _ in range(warmup):
            call(*inputs)
        self.synchronize()
        start = time.perf_counter()
        for _ in range(repeats):
            call(*inputs)
        self.synchronize()
        return (time.perf_counter() - start) / repeats

    def synchronize(self) -> None:
        """Wait for the GPU."""
        if self.device.type == 'cuda':
            torch.cuda.synchronize()

    def peak(self, call: Callable[[], Any]) -> int:
        """Bytes that a call needs in addition to those already allocated."""
        if self.device.type == 'cuda':
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            call()
            return torch.cuda.max_memory_allocated() - before
        before = resident_peak()
        call()
        return resident_peak() - before


def resident_peak() -> int:
    """Peak resident memory of this process in bytes."""
    try:  # getrusage would include the process that started this one
        status = Path('/proc/self/status').read_text()
        return int(status.split('VmHWM:')[1].split()[0]) * 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)


def memory_task(bench: Bench, args: Namespace, task: str) -> int:
    """Peak bytes of one training step or one scan, after a small one that compiles and loads what is needed.

    Args:
        bench: The bench.
        args: The options.
        task: 'train:MODEL:LAYOUT' or 'scan:BACKEND:SIZE'.
    """
    job, *details = task.split(':')
    if job == 'scan':
        backend, size = details
        scan(bench, backend, scan_inputs(bench, (1, 2, 2, 2)))
        inputs = scan_inputs(bench, map(int, size.split(',')))
        return bench.peak(lambda: scan(bench, backend, inputs))
    name, layout = details
    model = bench.build(name, layout)
    bench.train(model, bench.window(1, 16, layout))
    x = bench.window(args.batch_size, args.frames, layout)
    return bench.peak(lambda: bench.train(model, x))


def peak_memory(bench: Bench, args: Namespace, task: str) -> int:
    """Peak bytes of a task; on the CPU in a separate process, which returns all freed memory to the system."""
    if bench.device.type == 'cuda':
        return memory_task(bench, args, task)
    call = own_command('benchmark', [
        '--task', task, '--frames', args.frames, '--persons', args.persons, '--batch-size', args.batch_size, '--device',
        args.device, '--dtype', args.dtype, '--threads', args.threads])
    done = subprocess.run(call, env=dict(os.environ, MALLOC_MMAP_THRESHOLD_='65536'), text=True,
                          stdout=subprocess.PIPE, check=True)
    return int(done.stdout.split()[-1])


def measure_models(bench: Bench, args: Namespace, layout: str) -> tuple[Rows, dict[str, Any]]:
    """Rows of the table of models, and all numbers."""
    models = {name: bench.build(name, layout) for name in args.models}
    one, many = (bench.window(batch, args.frames, layout) for batch in (1, args.batch_size))
    times: dict[str, dict[str, list[float]]] = {
        name: dict(latency=[], throughput=[], step=[]) for name in models}
    for turn in range(args.rounds + 1) if args.rounds else ():
        progress(f'{layout}: round {turn} of {args.rounds}')
        for name, model in models.items():
            model.eval()
            measured = dict(latency=bench.seconds(bench.infer, model, one, repeats=20, warmup=5),
                            throughput=bench.seconds(bench.infer, model, many),
                            step=bench.seconds(bench.train, model, many))
            for key, value in measured.items():
                times[name][key] += [value] * (turn > 0)  # the first round compiles and warms up
    results: dict[str, dict[str, Any]] = {}
    for name, model in models.items():
        results[name] = dict(
            parameters=sum(value.numel() for value in model.parameters()), multiply_adds=multiply_adds(model, one))
        if args.rounds:
            progress(f'{layout}: memory of {name}')
            results[name].update(times[name], memory=peak_memory(bench, args, f'train:{name}:{layout}'))
    return speed_rows(results, layout, args.batch_size, args.baseline), results


def measure_growth(bench: Bench, args: Namespace) -> tuple[Rows, dict[str, Any]]:
    """Time of a training step for growing windows."""
    layout, rows = args.layouts[0], [['training step', *(f't = {frames}' for frames in args.growth_frames)]]
    models = {name: bench.build(name, layout) for name in args.growth_models}
    times: dict[str, dict[int, list[float]]] = {name: {t: [] for t in args.growth_frames} for name in models}
    rounds = max(1, args.rounds // 2)
    for turn, frames, (name, model) in itertools.product(range(rounds + 1), args.growth_frames, models.items()):
        progress(f'growth: round {turn} of {rounds}, t = {frames}, {name}')
        if turn or frames == args.growth_frames[0]:
            took = bench.seconds(bench.train, model, bench.window(args.growth_batch_size, frames, layout))
            times[name][frames] += [took] * (turn > 0)
    for name, steps in times.items():
        first = steps[args.growth_frames[0]]
        rows.append([name] + [milliseconds(values) + f', x {np.median(values) / np.median(first):.1f}'
                              for values in steps.values()])
    return rows, times


def scan_inputs(bench: Bench, size: Iterable[int]) -> list[Tensor]:
    """Arguments in mamba's layout (b, d, l), stored channels last as in the models."""
    b, d, length, n = size

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, device=bench.device, dtype=bench.dtype).transpose(1, 2).requires_grad_()

    A = (-torch.rand(d, n, device=bench.device)).requires_grad_()
    return [random(b, length, d), random(b, length, d), A, random(b, length, n), random(b, length, n)]


def scan(bench: Bench, backend: str, inputs: Sequence[Tensor]) -> None:
    """Forward and backward pass of a scan."""
    u, delta, A, B, C = inputs
    y = selective_scan(u, delta, A, B, C, delta_softplus=True, backend=backend)
    torch.autograd.grad(y, inputs, y.detach())  # `backward` would also add to the gradients of earlier rounds


def measure_scan(bench: Bench, args: Namespace) -> tuple[Rows, dict[str, Any]]:
    """Forward and backward time and peak memory of every backend that runs here."""
    interpreted = 'triton' if bench.device.type == 'cpu' else None  # its speed in the interpreter is meaningless
    backends = ['reference'] + [name for name in args.backends if name != interpreted and runs(name, args.device)]
    rows = [['scan (b, d, l, n)', 'backend', 'forward + backward', 'times as fast', 'peak memory']]
    results: dict[str, Any] = {}
    for size in args.scans:
        inputs = scan_inputs(bench, map(int, size.split(',')))
        times: dict[str, list[float]] = {name: [] for name in backends}
        for turn, name in itertools.product(range(max(2, args.rounds // 2) + 1), backends):
            progress(f'scan {size}: round {turn}, {name}')
            times[name] += [bench.seconds(scan, bench, name, inputs)] * (turn > 0)
        memory = {name: peak_memory(bench, args, f'scan:{name}:{size}') for name in backends}
        results[size] = {name: dict(seconds=times[name], memory=memory[name]) for name in backends}
        for name in backends:
            faster = np.median(np.array(times['reference']) / np.array(times[name]))
            rows.append([f'({size.replace(",", ", ")})', name, milliseconds(times[name]), f'{faster:.1f}',
                         f'{memory[name] / 2**20:.0f} MB, x {memory[name] / max(memory["reference"], 1):.3f}'])
    return rows, results


def machine(args: Namespace) -> str:
    """The machine and the versions in one line."""
    if args.device == 'cpu':
        device = f'{processor()}, {args.threads} of {os.cpu_count()} cores'
    else:
        device = torch.cuda.get_device_name(args.device)
    python = platform.python_version()
    return f'{device}; {args.dtype}, torch {torch.__version__}, Python {python}, {args.rounds} rounds'


def growth_picture(path: Path, times: dict[str, dict[int, list[float]]]) -> None:
    """Draw the time of a training step over the number of frames."""
    from dynstg_mm.benchmark.figures import new_figure
    figure = new_figure(6, 4)
    axes = figure.add_subplot()
    for name, steps in times.items():
        axes.plot(list(steps), [np.median(values) for values in steps.values()], marker='o', label=name)
    axes.set(xscale='log', yscale='log', xlabel='frames', ylabel='seconds a training step')
    axes.set_xticks(list(steps), list(map(str, steps)))
    axes.grid(alpha=0.3)
    axes.legend()
    with atomic_open(path, 'wb') as file:
        figure.savefig(file, dpi=120, format='png')


def progress(text: str) -> None:
    """Show what is being measured."""
    print(f'\r{text:<70}', end='', file=sys.stderr, flush=True)
