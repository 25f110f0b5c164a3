"""Write the synthetic sample of data/, or more such walks for pretraining: computed walkers, not recordings of people.

    python -m dynstg_mm synthetic-gait
    python -m dynstg_mm synthetic-gait --gait-parameters --subjects 400 --seed 123 \\
        --out data/synthetic_walks/synthetic_walks.pkl
    python -m dynstg_mm synthetic-gait --gait-parameters --subjects 400 --seed 123 --layout msnd \\
        --out data/synthetic_walks/synthetic_walks_msnd.pkl

With --gait-parameters every clip has its `gait_parameters`, the targets of a `GaitParameterHead`.
"""
import argparse
from collections.abc import Sequence

from dynstg_mm.datasets.synthetic_gait import synthetic_gait
from dynstg_mm.files import dump_pickle
from dynstg_mm.gait.parameters import add_gait_parameters


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', default='data/synthetic_gait/synthetic_gait.pkl', help='annotation file to write')
    parser.add_argument('--subjects', type=int, default=24, help='walkers of each class')
    parser.add_argument('--layout', choices=['body_25', 'msnd'], default='body_25',
                        help='body_25, filmed from the side, or msnd, 3-D motion capture')
    parser.add_argument('--seed', type=int, default=0, help='seed of all random numbers')
    parser.add_argument('--gait-parameters', action='store_true',
                        help='add gait parameters to every clip (about 50 clips per second)')
    args = parser.parse_args(argv)
    if args.layout != 'body_25' and args.out == parser.get_default('out'):
        parser.error(f'--out: missing; --layout {args.layout} must not replace the sample of data/, which is body_25.')
    data = synthetic_gait(args.subjects, seed=args.seed, layout=args.layout)
    if args.gait_parameters:
        data['gait_parameters'] = add_gait_parameters(data['annotations'], args.layout)
    dump_pickle(data, args.out)
    print(f'{args.out}: {len(data["annotations"])} synthetic clips, ' +
          ', '.join(f'{len(names)} {part}' for part, names in data['split'].items()))
    return 0
