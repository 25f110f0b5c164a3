"""Show what the dynamic filters make of a clip: movement phases over time, and the graph that each layer works with.

    python -m dynstg_mm plot-filters CONFIG CHECKPOINT --clip NAME --out work_dirs/filters

Writes filters.png, and filters.npz with `phases_<layer>` (t, p) and `adjacency_<layer>` (t, k, v, v) of the clip's
first window.
"""
import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib

import dynstg_mm  # noqa: F401  before torch

matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np
import torch
from mmaction.registry import DATASETS, MODELS
from mmaction.utils import register_all_modules
from mmengine.runner import load_checkpoint

from dynstg_mm.commands.common import one_line_errors
from dynstg_mm.config import ConfigOptions, apply_options, read_config
from dynstg_mm.files import atomic_open
from dynstg_mm.skeletons import get_layout


def parse_args(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file of the model')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--clip', help='name (frame_dir) of a clip of the test split; the first by default')
    parser.add_argument('--out', required=True, help='folder for filters.png and filters.npz')
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, help='override settings of the config')
    return parser.parse_args(argv)


def find_clip(dataset, name):
    """The first window of the clip (1, M, T, V, C), and the clip's name."""
    names = [dataset.get_data_info(index)['frame_dir'] for index in range(len(dataset))]
    if name is not None and name not in names:
        raise ValueError(f'--clip: {name!r} is not in the test split; its first clips are {", ".join(names[:3])}.')
    index = names.index(name) if name is not None else 0
    return dataset[index]['inputs'][:1].float(), names[index]


def picture(file, found, joints, title):
    """One row a layer: phases over time, the graph averaged over time, and how much it changes."""
    figure, axes = plt.subplots(len(found), 3, figsize=(11, 2.6 * len(found)), layout='constrained', squeeze=False)
    figure.suptitle(title)
    for (name, layer), row in zip(found.items(), axes):
        phases, graph = layer['phases'], layer['adjacency']
        row[0].stackplot(np.linspace(0, 1, len(phases)), phases.T)
        row[0].set(title=f'{name}: phases', xlabel='part of the window', ylim=(0, 1), xlim=(0, 1))
        if graph is not None:
            summed = graph.sum(1)
            for axis, values, what in ((row[1], summed.mean(0), 'mean'), (row[2], summed.std(0), 'change over time')):
                figure.colorbar(axis.imshow(values, cmap='viridis'), ax=axis)
                axis.set_title(f'graph: {what}')
                axis.set_xticks(range(len(joints)), joints, rotation=90, fontsize=4)
                axis.set_yticks(range(len(joints)), joints, fontsize=4)
    figure.savefig(file, dpi=130, format='png')
    plt.close(figure)


def plot(args):
    register_all_modules()
    config = apply_options(read_config(args.config), args.cfg_options)
    model = MODELS.build(config.model).eval()
    if not hasattr(model.backbone, 'filters'):
        raise ValueError(f'{args.config}: the backbone {type(model.backbone).__name__} has no dynamic filters to show.')
    try:
        load_checkpoint(model, args.checkpoint, map_location='cpu', strict=True)
    except RuntimeError as error:
        raise ValueError(f'{args.checkpoint}: not of the model in {args.config} ({error})') from None
    window, clip = find_clip(DATASETS.build(config.test_dataloader.dataset), args.clip)
    found = {}
    for index, layer in enumerate(model.backbone.filters(window)):
        found[f'layer_{index}'] = {key: None if value is None else value[0].numpy() for key, value in layer.items()}
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    arrays = {f'{key}_{name}': value for name, layer in found.items() for key, value in layer.items()
              if value is not None}
    with atomic_open(out / 'filters.npz', 'wb') as file:
        np.savez_compressed(file, **arrays)
    with atomic_open(out / 'filters.png', 'wb') as file:
        picture(file, found, get_layout(model.backbone.layout)['joints'], f'{clip}, {Path(args.checkpoint).name}')
    print(f'{out}: filters.png, filters.npz, of clip {clip}')


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    with torch.no_grad(), one_line_errors():
        plot(args)
    return 0
