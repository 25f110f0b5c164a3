"""Measure the models against those of MMAction2, and the selective scan against its reference.

    python -m dynstg_mm benchmark --out work_dirs/benchmark
    python -m dynstg_mm benchmark --parts models --models stgcn dynstg-mamba-small --dtype bfloat16
    python -m dynstg_mm benchmark --parts models --persons 2 --layouts coco nturgb+d --rounds 0
    python -m dynstg_mm benchmark --parts answer

Models take turns, round by round, so that other load on the machine affects all of them equally. A time is the median
over the rounds ± half the interquartile range; a ratio is the median over the rounds of the ratio to the model given by
--baseline. Latency is the mean of 20 calls after 5 warm-up calls. Multiply-adds count matrix products, convolutions,
temporal filters and scans of one window. Peak memory is what a training step needs in addition to the model; on the CPU
it is measured as resident memory of a separate process. The part `answer` times what predict does with a minute of
walking; the CPU time is in brackets.
"""
import argparse
from collections.abc import Sequence

from dynstg_mm.commands.common import count, number, run_command

# name -> file in configs/_base_/models
MODELS = {'dynstg-mamba-large': 'dynstg_mamba_large', 'dynstg-mamba-small': 'dynstg_mamba_small',
          'df-stgnn': 'df_stgnn', 'stgcn': 'stgcn', 'stgcnpp': 'stgcnpp', 'aagcn': 'aagcn',
          'ctrgcn': 'ctrgcn', 'blockgcn': 'blockgcn', 'efficientgcn-b0': 'efficientgcn_b0'}
PARTS = ('models', 'growth', 'scan', 'answer')
BACKENDS = ('torch', 'numba', 'triton', 'mamba')
SCANS = ('272,64,64,4', '400,32,50,4', '272,128,100,16')


def scan_size(text: str) -> str:
    """Check 'b,d,l,n', four positive numbers."""
    numbers = [int(part) if part.strip().isdigit() else 0 for part in text.split(',')]
    if len(numbers) != 4 or not all(numbers):
        raise argparse.ArgumentTypeError(f'{text!r}; expected four positive numbers b,d,l,n, such as {SCANS[0]}')
    return ','.join(map(str, numbers))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=PARTS, help='what to measure')
    parser.add_argument('--models', nargs='+', choices=list(MODELS), default=list(MODELS), help='models to compare')
    parser.add_argument('--baseline', choices=list(MODELS), default='stgcn', help='the model that ratios refer to')
    parser.add_argument('--layouts', nargs='+', default=['body_25', 'coco'], help='names of skeleton layouts')
    parser.add_argument('--frames', type=count, default=100, help='frames of a window')
    parser.add_argument('--persons', type=count, default=1, help='persons in a window')
    parser.add_argument('--batch-size', type=count, default=16, help='windows for throughput and training step')
    parser.add_argument('--growth-frames', nargs='+', type=count, default=[64, 256, 1024, 4096],
                        help='window lengths of the part growth')
    parser.add_argument('--growth-models', nargs='+', choices=list(MODELS),
                        default=['dynstg-mamba-large', 'dynstg-mamba-small', 'stgcn'], help='models of the part growth')
    parser.add_argument('--growth-batch-size', type=count, default=2, help='windows of the part growth')
    parser.add_argument('--scans', nargs='+', type=scan_size, default=SCANS, metavar='B,D,L,N',
                        help='sizes of the scan')
    parser.add_argument('--backends', nargs='+', choices=BACKENDS, default=BACKENDS,
                        help='backends of the scan to compare with the reference; those that do not run here are '
                        'skipped')
    parser.add_argument('--rounds', type=number, default=7,
                        help='rounds after a first one that is not counted; with 0, models are counted, not timed')
    parser.add_argument('--device', help='such as cpu or cuda; by default a GPU if there is one')
    parser.add_argument('--dtype', choices=['float32', 'bfloat16', 'float16'], default='float32',
                        help='autocast type of the models, and type of the input of the scan')
    parser.add_argument('--threads', type=count, help='CPU threads; by default those of PyTorch')
    parser.add_argument('--out', help='folder for benchmark.md, benchmark.json and growth.png')
    parser.add_argument('--answer-model', default='koa-nm', metavar='NAME', help='shipped model of the part answer')
    parser.add_argument('--task', help=argparse.SUPPRESS)  # for a process that measures one thing
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return run_command(_run, parse_args(argv))


def _run(args: argparse.Namespace) -> None:
    from dynstg_mm.commands import speed
    speed.run(args)
