"""Plot the dynamic filters of a model for a clip: movement phases over time, and the graph of each layer.

    python -m dynstg_mm plot-filters CONFIG CHECKPOINT --clip NAME --out work_dirs/filters

Writes filters.png, and filters.npz with `phases_<layer>` (t, p) and `adjacency_<layer>` (t, k, v, v) for the first
window of the clip.
"""
import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynstg_mm.commands.common import CfgOptions, run_command
from dynstg_mm.errors import ConfigError, UserError
from dynstg_mm.files import atomic_open

if TYPE_CHECKING:
    from torch import Tensor, nn

Arrays = dict[str, Any]  # `phases` (t, p), `adjacency` (t, k, v, v) or None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file of the model')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--clip', help='name (frame_dir) of a clip of the test split; by default the first')
    parser.add_argument('--out', required=True, help='folder for filters.png and filters.npz')
    parser.add_argument('--cfg-options', nargs='+', action=CfgOptions, metavar='KEY=VALUE',
                        help='override settings of the config')
    return run_command(plot, parser.parse_args(argv))


def plot(args: argparse.Namespace) -> None:
    """Write the picture and the arrays."""
    import numpy as np
    from mmaction.registry import DATASETS
    from mmaction.utils import register_all_modules

    from dynstg_mm.config import apply_options, read_config
    from dynstg_mm.config_check import check_config
    from dynstg_mm.skeletons import get_layout
    register_all_modules()
    config = apply_options(read_config(args.config), args.cfg_options)
    check_config(config)
    model = load_model(config.model, args.config, args.checkpoint)
    window, clip = find_clip(DATASETS.build(config.test_dataloader.dataset), args.clip)
    layers = {f'layer_{index}': {key: None if value is None else value[0].numpy() for key, value in layer.items()}
              for index, layer in enumerate(model.backbone.filters(window))}
    arrays = {f'{key}_{name}': value for name, layer in layers.items() for key, value in layer.items()
              if value is not None}
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    with atomic_open(out / 'filters.npz', 'wb') as file:
        np.savez_compressed(file, **arrays)
    with atomic_open(out / 'filters.png', 'wb') as file:
        draw(file, layers, get_layout(model.backbone.layout)['joints'], f'{clip}, {Path(args.checkpoint).name}')
    print(f'{out}: wrote filters.png and filters.npz for clip {clip}')


def load_model(settings: Any, config: str, checkpoint: str) -> 'nn.Module':
    """The model of a config in eval mode, with the weights of a checkpoint.

    Raises:
        UserError: Its backbone has no dynamic filters, or the checkpoint is not of this model.
    """
    from mmaction.registry import MODELS
    from mmengine.runner import load_checkpoint
    model = MODELS.build(settings).eval()
    if not hasattr(model.backbone, 'filters'):
        raise ConfigError(f'{config}: the backbone {type(model.backbone).__name__} has no dynamic filters; expected '
                          'DFSTGNN or DynSTGMamba.')
    try:
        load_checkpoint(model, checkpoint, map_location='cpu', strict=True)
    except RuntimeError as error:
        reason = ' '.join(str(error).split())[:200]
        raise UserError(f'{checkpoint}: not a checkpoint of the model in {config} ({reason}).') from None
    return model


def find_clip(dataset: Any, name: str | None) -> 'tuple[Tensor, str]':
    """The first window of a clip (1, M, T, V, C), and the name of the clip, by default the first clip.

    Raises:
        ConfigError: The data set has no such clip.
    """
    names = [dataset.get_data_info(index)['frame_dir'] for index in range(len(dataset))]
    if name is not None and name not in names:
        raise ConfigError(f'--clip: {name!r} is not in the test split; its first clips are {", ".join(names[:3])}.')
    index = 0 if name is None else names.index(name)
    return dataset[index]['inputs'][:1].float(), names[index]


def draw(file: Any, layers: dict[str, Arrays], joints: Sequence[str], title: str) -> None:
    """One row for each layer: phases over time, mean of the graph over time, and its standard deviation."""
    import numpy as np

    from dynstg_mm.benchmark.figures import new_figure
    figure = new_figure(11, 2.6 * len(layers))
    axes = figure.subplots(len(layers), 3, squeeze=False)
    figure.suptitle(title)
    for (name, layer), row in zip(layers.items(), axes):
        phases, graph = layer['phases'], layer['adjacency']
        row[0].stackplot(np.linspace(0, 1, len(phases)), phases.T)
        row[0].set(title=f'{name}: phases', xlabel='share of the window', ylim=(0, 1), xlim=(0, 1))
        if graph is None:
            continue
        total = graph.sum(1)  # (t, v, v)
        for axis, values, statistic in ((row[1], total.mean(0), 'mean'), (row[2], total.std(0), 'standard deviation')):
            figure.colorbar(axis.imshow(values, cmap='viridis'), ax=axis)
            axis.set_title(f'graph: {statistic} over time')
            axis.set_xticks(range(len(joints)), joints, rotation=90, fontsize=4)
            axis.set_yticks(range(len(joints)), joints, fontsize=4)
    figure.savefig(file, dpi=130, format='png')
