"""Write the synthetic sample of data/: computed walkers, not recordings of people.

    python tools/data/synthetic_gait/generate.py
"""
import argparse

from dynstg_mm.datasets.synthetic_gait import synthetic_gait
from dynstg_mm.fileio import dump_pickle


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', default='data/synthetic_gait/synthetic_gait.pkl', help='annotation file to write')
    parser.add_argument('--subjects', type=int, default=24, help='walkers of each class')
    parser.add_argument('--seed', type=int, default=0, help='seed of all randomness')
    args = parser.parse_args()
    data = synthetic_gait(args.subjects, seed=args.seed)
    dump_pickle(data, args.out)
    print(f'{args.out}: {len(data["annotations"])} synthetic clips, ' +
          ', '.join(f'{len(names)} {part}' for part, names in data['split'].items()))


if __name__ == '__main__':
    main()
