"""Cache values that depend only on parameters, so that eval mode does not recompute them for every clip."""
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class DerivedModule(nn.Module):
    """Module that caches values which depend only on its parameters, such as a learned adjacency.

    It caches only in eval mode without gradients. Cached values are dropped by `train()` and `eval()`, which code
    that replaces `param.data` calls (MMEngine's EMA hook does), and by everything else that changes a parameter:
    loading, an optimizer step, a move to another device.
    """

    def train(self, mode: bool = True) -> 'DerivedModule':
        """Set the mode, and drop cached values."""
        self.__dict__.pop('_derived', None)
        return super().train(mode)

    def derived(self, function: Callable[..., Tensor], *inputs: Any) -> Tensor:
        """`function(*inputs)`, cached while the inputs stay the same.

        Args:
            function: A function that no other call of this module passes with different inputs.
            *inputs: Parameters, buffers, derived tensors, numbers or None; at least one tensor.
        """
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return function(*inputs)
        cache = self.__dict__.setdefault('_derived', {})
        state = [_state(value) for value in inputs]
        if function not in cache or cache[function][1] != state:
            with torch.autocast(next(value.device.type for value in inputs if torch.is_tensor(value)), enabled=False):
                # the inputs are kept as well: the `id` of a deleted tensor can be that of a new one
                cache[function] = inputs, state, function(*inputs)
        return cache[function][2]


def _state(value):
    if not torch.is_tensor(value):
        return value
    return id(value), value.data_ptr(), None if value.is_inference() else value._version
