"""The features that a model decides by: the input of its head's last layer."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dynstg_mm.errors import ConfigError


class HeadInputs:
    """Collects the inputs of the last linear layer of a model's head, as the model computes its scores.

    ::

        inputs = HeadInputs(model)
        model.test_step(batch)
        features = inputs.take()  # (windows, D)

    Args:
        model: A recognizer, or a distiller, whose student counts.

    Raises:
        ConfigError: Its head has no linear layer.
    """

    def __init__(self, model: nn.Module) -> None:
        head = getattr(getattr(model, 'student', model), 'cls_head', None)
        layers = [layer for layer in head.modules() if isinstance(layer, nn.Linear)] if head is not None else []
        if not layers:
            raise ConfigError('model.cls_head: has no linear layer; expected a recognizer with one.')
        self._collected: list[Tensor] = []
        self._handle = layers[-1].register_forward_pre_hook(self._collect)

    def _collect(self, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._collected.append(inputs[0].detach().float().cpu())

    def take(self) -> Tensor:
        """The inputs since the last call: (windows, D), in the order of the windows."""
        collected, self._collected = self._collected, []
        return torch.cat(collected) if collected else torch.empty(0, 0)

    def remove(self) -> None:
        """Stop collecting."""
        self._handle.remove()
