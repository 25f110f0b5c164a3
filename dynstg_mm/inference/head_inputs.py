"""The features that a model decides by: the input of its head's last layer."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import Tensor, nn

from dynstg_mm.errors import ConfigError


def last_layer(model: nn.Module) -> nn.Linear:
    """The last linear layer of a model's head.

    Args:
        model: A recognizer, or a distiller, whose student counts.

    Raises:
        ConfigError: Its head has no linear layer.
    """
    head = getattr(getattr(model, 'student', model), 'cls_head', None)
    layers = [layer for layer in head.modules() if isinstance(layer, nn.Linear)] if head is not None else []
    if not layers:
        raise ConfigError('model.cls_head: has no linear layer; expected a recognizer with one.')
    return layers[-1]


@contextlib.contextmanager
def head_inputs(model: nn.Module) -> Iterator[list[Tensor]]:
    """Collect the inputs of `last_layer`, each (windows, D), while the model computes its scores."""
    collected: list[Tensor] = []
    handle = last_layer(model).register_forward_pre_hook(
        lambda layer, inputs: collected.append(inputs[0].detach().float().cpu()))
    try:
        yield collected
    finally:
        handle.remove()
