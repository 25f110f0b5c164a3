"""Fuse streams, or any models, that were tested on one split: weighted means of their scores.

    python -m dynstg_mm test CONFIG j.pth --dump j.pkl          # and so on, with feats=b, jm, bm
    python -m dynstg_mm fuse j.pkl b.pkl jm.pkl bm.pkl

The files are from `test --dump`, ours or that of MMAction2's tools/test.py. The table has the accuracies of each and of
the fusion in percent.
"""
import argparse
from collections.abc import Sequence

from dynstg_mm.commands.common import run_command
from dynstg_mm.errors import ResultsError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('dumps', nargs='+', metavar='FILE', help='dumped predictions (.pkl), a different file each')
    parser.add_argument('--weights', nargs='+', type=float, metavar='W',
                        help='one for each file; by default 2 2 1 1 for four files, which are then joint, bone, joint '
                        'motion and bone motion, and equal ones otherwise')
    return run_command(_fuse, parser.parse_args(argv))


def _fuse(args: argparse.Namespace) -> None:
    from dynstg_mm.benchmark.fusion import FOUR_STREAMS, accuracies, fuse, read_dump
    from dynstg_mm.text import markdown
    paths, weights = args.dumps, args.weights
    if len(paths) < 2 or len(set(paths)) < len(paths):
        raise ResultsError(f'dumps: {", ".join(paths)}; expected at least two different files.')
    weights = weights or (list(FOUR_STREAMS) if len(paths) == len(FOUR_STREAMS) else [1.] * len(paths))
    if len(weights) != len(paths) or not all(0 <= weight < float('inf') for weight in weights) or not sum(weights):
        raise ResultsError(f'--weights: {" ".join(f"{weight:g}" for weight in weights)}; expected {len(paths)} numbers '
                           'from 0, not all of them 0.')
    dumps = {path: read_dump(path) for path in paths}
    fused = fuse(dumps, weights)
    rows = [['scores', 'weight', 'top-1', 'top-5', 'mean class']]
    scores = {path: dump.scores for path, dump in dumps.items()} | {'fusion': fused}
    for (name, own), weight in zip(scores.items(), [*(f'{weight:g}' for weight in weights), '']):
        numbers = accuracies(own, dumps[paths[0]].labels)
        rows.append([name, weight, *(f'{100 * value:.2f}' for value in numbers)])
    print(f'{len(fused)} clips, {fused.shape[1]} classes\n\n{markdown(rows)}')
