"""Check whether explanations are true: deletion curves, random weights, and walks with one altered joint.

    python -m dynstg_mm check-explanations --out explanations.json --altered-joints work_dirs/altered
    python -m dynstg_mm check-explanations --out explanations.json --name KOA-NM CONFIG CHECKPOINT --cfg-options fold=0

The first command trains a model on synthetic walks in which one joint shakes, and counts how often the explanation
names this joint. The second explains the test walks of a config, and compares the deletion curves in the order of the
effects with random orders, and the effects with those of random weights. Each adds its result to the file of --out.
"""
import argparse
from collections.abc import Sequence
from typing import Any

from dynstg_mm.commands.common import CfgOptions, count, run_command
from dynstg_mm.errors import ConfigError


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('config', nargs='?', help='config of a model')
    add('checkpoint', nargs='?', help='its checkpoint')
    add('--name', help='name of the row')
    add('--clips', type=count, help='explain that many test clips, spread evenly; by default all')
    add('--altered-joints', metavar='DIR', help='train on walks with one altered joint, in this folder')
    add('--out', required=True, metavar='FILE', help='JSON file to write, or to add to')
    add('--cfg-options', nargs='+', action=CfgOptions, metavar='KEY=VALUE', help='override settings of the config')
    args = parser.parse_args(argv)
    if bool(args.altered_joints) == bool(args.checkpoint):
        parser.error('expected either --altered-joints or CONFIG and CHECKPOINT')
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run_command(check, parse_args(argv))


def check(args: argparse.Namespace) -> None:
    """Measure, and write the result."""
    from pathlib import Path

    from dynstg_mm.benchmark.explanations import read_checks
    from dynstg_mm.files import write_json
    path = Path(args.out)
    content = read_checks(path) if path.exists() else dict(models={}, joints={})
    if args.altered_joints:
        content['joints'] = _joints(args.altered_joints)
    else:
        content['models'][args.name or Path(args.config).stem] = _model(args)
    write_json(path, content, indent=1)
    print(f'{path}: written')


def _joints(folder: str) -> dict[str, Any]:
    import copy
    from pathlib import Path

    from mmengine.registry import init_default_scope
    from mmengine.runner import Runner

    from dynstg_mm.files import dump_pickle
    from dynstg_mm.inference import GaitInferencer
    from dynstg_mm.inference.explanation_checks import EPOCHS, altered_config, altered_walks, check_joints
    init_default_scope('mmaction')
    data, out = altered_walks(), Path(folder)
    dump_pickle(data, out / 'walks.pkl')
    config = altered_config(out / 'walks.pkl', data['classes'], out)
    Runner.from_cfg(copy.deepcopy(config)).train()
    inferencer = GaitInferencer(config, out / f'epoch_{EPOCHS}.pth', 'cpu')
    test = set(data['split']['test'])
    return check_joints(inferencer, [dict(clip, layout=data['layout']) for clip in data['annotations']
                                     if clip['frame_dir'] in test])


def _model(args: argparse.Namespace) -> dict[str, Any]:
    import numpy as np
    from mmaction.registry import DATASETS

    from dynstg_mm.config import apply_options, read_config
    from dynstg_mm.inference import GaitInferencer
    from dynstg_mm.inference.explanation_checks import check_deletion, randomised
    config = apply_options(read_config(args.config), args.cfg_options)
    inferencer = GaitInferencer(config, args.checkpoint)
    dataset = DATASETS.build(dict(config.test_dataloader.dataset, pipeline=[], serialize_data=False))
    if not len(dataset):
        raise ConfigError(f'{args.config}: test_dataloader.dataset: no clips.')
    chosen = np.linspace(0, len(dataset) - 1, min(args.clips or len(dataset), len(dataset))).round().astype(int)
    return check_deletion(inferencer, [dataset.get_data_info(index) for index in chosen], randomised(inferencer))


if __name__ == '__main__':
    raise SystemExit(main())
