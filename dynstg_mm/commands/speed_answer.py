"""How long `predict` takes for a minute of walking, part by part: for the command `benchmark`."""
from __future__ import annotations

import csv
import json
import os
import subprocess
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.commands.common import own_command
from dynstg_mm.files import atomic_open

Times = dict[str, tuple[float, float]]  # part -> seconds on the wall, and of the CPU

SECONDS, RATE = 60, 25.  # of the recording
PARTS = {'import': 'Python, PyTorch, MMEngine and MMAction2', 'model': 'config and checkpoint',
         'read': 'reading the file', 'answer': 'windows, network and doubts', 'page': 'explanation and page'}


def measure_answer(args: Namespace) -> tuple[list[list[str]], dict[str, Any]]:
    """Rows of the table, and all numbers: seconds of each part, wall and CPU, the first and the second time.

    Args:
        args: Options of the command.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_recording(Path(folder) / 'walk.csv')
        environment = dict(os.environ, NUMBA_CACHE_DIR=str(Path(folder) / 'kernels'))  # empty at first
        compiled, *others = [_process(args, folder, environment) for _ in range(1 + max(2, args.rounds // 2))]
    found = dict(compiled=[compiled['first']], new=[one['first'] for one in others],
                 again=[one['again'] for one in others])
    return answer_rows(found, args.answer_model), found


def answer_rows(found: dict[str, list[Times]], model: str) -> list[list[str]]:
    """Rows of the table: medians of the wall time, and of the CPU time in brackets.

    Args:
        found: Column -> the times of each process.
        model: Name of the model.
    """
    rows = [[f'a minute of walking, {model} [s]', 'first use: kernels are compiled', 'new process',
             'again in the process']]
    for part, title in PARTS.items():
        rows.append([title, *(_cell([one[part] for one in some if part in one]) for some in found.values())])
    sums = [[np.sum([times for part, times in one.items() if part != 'import'], 0) for one in some]
            for some in found.values()]
    return [*rows, ['all but the import', *map(_cell, sums)]]


def _cell(times: Sequence[Any]) -> str:
    return '{:.2f} ({:.2f})'.format(*np.median(times, 0)) if times else ''


def _process(args: Namespace, folder: str, environment: dict[str, str]) -> dict[str, Any]:
    call = own_command('benchmark', ['--task', f'answer:{time.time()}:{folder}', '--answer-model', args.answer_model,
                                     '--device', args.device, '--threads', args.threads])
    done = subprocess.run(call, env=environment, text=True, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def answer_task(args: Namespace, started: float, folder: str) -> str:
    """Wall and CPU seconds of each part in this process, the `first` time and `again`, as JSON.

    Args:
        args: Options of the command.
        started: When the process was started, in seconds since the epoch.
        folder: Where the recording is.
    """
    from dynstg_mm.inference import GaitInferencer
    from dynstg_mm.inference.page import PageFolder
    from dynstg_mm.inference.recordings import find, read
    first: Times = {'import': (time.time() - started, time.process_time())}
    again: Times = {}
    inferencer = _timed(first, 'model', GaitInferencer, args.answer_model, device=args.device)
    pages = PageFolder(folder, inferencer)
    (Path(folder) / 'visualizations').mkdir(exist_ok=True)
    for times in (first, again):
        clip, = _timed(times, 'read', lambda: list(read(find(str(Path(folder) / 'walk.csv')))))
        answer = _timed(times, 'answer', inferencer.answer, clip)
        _timed(times, 'page', pages.add, answer, clip, 'walk')
    return json.dumps(dict(first=first, again=again))


def _timed(times: Times, part: str, call: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
    wall, cpu = time.perf_counter(), time.process_time()
    result = call(*inputs, **options)
    times[part] = time.perf_counter() - wall, time.process_time() - cpu
    return result


def write_recording(path: Path) -> None:
    """Write a minute of computed walking, as on a treadmill, as a CSV table of BODY_25."""
    from dynstg_mm.datasets.synthetic_gait import JOINTS, draw_walker, film, walk
    rng = np.random.default_rng(0)
    joints = walk(draw_walker('normal', rng), SECONDS, rng)
    joints[..., 0] -= joints[:, [JOINTS.index('mid_hip')], 0]
    keypoint, score = film(joints, RATE, rng)
    values = np.concatenate([keypoint, score[..., None]], -1).reshape(len(keypoint), -1)
    with atomic_open(path, newline='') as file:
        table = csv.writer(file)
        table.writerow(['time', *(f'{name}_{field}' for name in JOINTS for field in ('x', 'y', 'score'))])
        table.writerows([f'{frame / RATE:.3f}', *(f'{value:.2f}' for value in row)]
                        for frame, row in enumerate(values))
