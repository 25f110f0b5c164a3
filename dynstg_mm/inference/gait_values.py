"""Gait parameters of a recording in the skeleton of a model, so that those of other skeletons can be compared."""
from __future__ import annotations

from typing import Any

import numpy as np

from dynstg_mm.datasets.transforms import AlignHeading, SideView
from dynstg_mm.gait.joint_map import in_skeleton
from dynstg_mm.gait.parameters import gait_features
from dynstg_mm.skeletons import Layout

Clip = dict[str, Any]


def from_the_side(clip: Clip, layout: str | Layout, up: str = 'y') -> Clip:
    """A 3-D clip as a camera beside the walk sees it: x ahead, y down. A 2-D clip is returned as it is.

    Args:
        clip: Annotation with `keypoint` (M, T, V, C).
        layout: Its skeleton.
        up: Vertical axis: 'y', '-y', 'z' or '-z'.
    """
    if clip['keypoint'].shape[-1] == 2:
        return clip
    turned = AlignHeading(layout, up=up)(dict(clip, keypoint=clip['keypoint'].astype(np.float32)))
    return SideView(up=up)(turned)


def gait_values(clip: Clip, layout: str | Layout, target: str | Layout, up: str = 'y', *,
                pad: bool = False) -> dict[str, float]:
    """Gait parameters by name, as `TrainingRecord.gait` compares them; NaN where one cannot be measured.

    Args:
        clip: Annotation, as for `gait_features`.
        layout: Its skeleton.
        target: The model's skeleton (`ModelInputs.layout`).
        up: Vertical axis of 3-D clips.
        pad: Measure a clip that is shorter than a window too, though its held pose is unlike a walk.

    Raises:
        ConfigError: A joint of the model's skeleton is missing.
        ClipError: The clip cannot be used.
    """
    return gait_features(in_skeleton(clip, layout, target), target, up=up, pad=pad)


def reference(people: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Percentiles of gait parameters over people.

    Args:
        people: Person -> records (`name`, `unit`, `value`) of all recordings. A person's value is the median of them.

    Returns:
        Parameter -> `unit`, `people` (how many have a value), `p5`, `p25`, `median`, `p75`, `p95`. Parameters that
        fewer than 5 people have are left out.
    """
    units = {record['name']: record['unit'] for records in people.values() for record in records}
    found: dict[str, dict[str, Any]] = {}
    for name, unit in units.items():
        values = [[record['value'] for record in records if record['name'] == name and np.isfinite(record['value'])]
                  for records in people.values()]
        medians = [float(np.median(own)) for own in values if own]
        if len(medians) >= 5:
            ends = np.percentile(medians, [5, 25, 50, 75, 95])
            found[name] = dict(unit=unit, people=len(medians),
                               **dict(zip(('p5', 'p25', 'median', 'p75', 'p95'), map(float, ends))))
    return found
