"""Draw docs/_static/walks.png: synthetic walkers, and the joints by which a trained model recognises them.

    python docs/make_figure.py CONFIG CHECKPOINT

such as the model of tools/quickstart.sh. A joint's disc shows its share of the score of the right class (integrated
gradients), averaged over the class's test clips.
"""
import sys
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib import pyplot
from mmaction.registry import DATASETS, MODELS
from mmaction.utils import register_all_modules
from mmengine.runner import load_checkpoint

from dynstg_mm.config import read_config
from dynstg_mm.skeletons import get_layout

matplotlib.use('Agg')
OUT = Path(__file__).parent / '_static/walks.png'
BLUE, ORANGE, GREY = '#4c78a8', '#e4572e', '#8a8f98'


def read_windows(config):
    """Windows (clips, windows, 1, t, v, c) of the test clips, and their labels."""
    dataset = DATASETS.build(config.test_dataloader.dataset)
    samples = [dataset[index] for index in range(len(dataset))]
    labels = torch.cat([sample['data_samples'].gt_label for sample in samples])
    return torch.stack([sample['inputs'] for sample in samples]).float(), labels, dataset.metainfo['classes']


def joint_contributions(model, windows, labels, steps=8):
    """Integrated gradients of each clip's score against the mean of the other classes, by joint, (clips, v).

    The path runs from the joints' mean places to the clip; over all joints, frames and channels the contributions add
    up to the difference of the scores (Sundararajan 2017, arXiv 1703.01365).
    """
    clips, count = windows.shape[:2]
    x, mean = windows.flatten(0, 1), windows.mean((0, 1, 2, 3))
    truth = torch.nn.functional.one_hot(labels).repeat_interleave(count, 0).float()
    others = (1 - truth) / (truth.shape[1] - 1)
    gradient = torch.zeros_like(x)
    for step in range(steps):
        point = (mean + (step + 0.5) / steps * (x - mean)).requires_grad_()
        scores = model.cls_head(model.backbone(point))
        gradient += torch.autograd.grad(((truth - others) * scores).sum(), point)[0] / steps
    return (gradient * (x - mean)).sum((1, 2, 4)).view(clips, count, -1).mean(1)


@torch.no_grad()
def margins(model, windows, labels):
    """Log-probability of each clip's class, from the mean over its windows, (clips,)."""
    scores = model.cls_head(model.backbone(windows.flatten(0, 1))).softmax(-1)
    return scores.view(*windows.shape[:2], -1).mean(1).log()[torch.arange(len(labels)), labels]


def draw_walk(axes, poses, layout, importance, title):
    """Stick figures over the window (t, v, 2), the last one with the joints' importance."""
    frames = np.linspace(0, len(poses) - 1, 9).astype(int)
    poses = poses - [poses[..., 0].mean(), 0]
    for frame in frames:
        last = frame == frames[-1]
        pose = poses[frame] * [1, -1]
        for joint, parent in layout['inward']:
            side = BLUE if joint in layout['left'] else ORANGE if joint in layout['right'] else GREY
            axes.plot(*pose[[joint, parent]].T, color=side if last else GREY, lw=2.2 if last else 0.9,
                      alpha=1 if last else 0.25 + 0.45 * frame / len(poses), solid_capstyle='round', zorder=2 + last)
    axes.scatter(*pose.T, s=500 * np.clip(importance, 0, None), color='#2f2f2f', alpha=0.5, lw=0, zorder=4)
    axes.set_title(title, fontsize=12)
    axes.set_aspect('equal')
    axes.axis('off')


def main():
    config, checkpoint = sys.argv[1:]
    register_all_modules()
    config = read_config(config)
    layout = get_layout(config.layout)
    model = MODELS.build(config.model).eval()
    load_checkpoint(model, checkpoint, map_location='cpu')
    windows, labels, classes = read_windows(config)
    contributions, log_probability = joint_contributions(model, windows, labels), margins(model, windows, labels)
    figure, grid = pyplot.subplots(2, 2, figsize=(10, 5.2), sharex=True, sharey=True, layout='constrained')
    for label, axes in enumerate(grid.flat):
        members = labels == label
        surest = log_probability.masked_fill(~members, -np.inf).argmax()
        poses = windows[surest, 2, 0, :, :, :2].numpy()
        importance = contributions[members].mean(0).numpy()
        draw_walk(axes, poses, layout, importance / max(importance.max(), 1e-6), classes[label])
        names = [layout['joints'][joint] for joint in importance.argsort()[::-1][:4]]
        print(f'{classes[label]}: {", ".join(names)}')
    figure.savefig(OUT, dpi=120)


if __name__ == '__main__':
    main()
