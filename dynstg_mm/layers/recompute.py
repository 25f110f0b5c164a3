"""Less memory for more time."""
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint


def recompute(function: Callable[..., Any], *inputs: Any, enabled: bool = True) -> Any:
    """Call a function whose intermediate results are computed again in the backward pass instead of being stored.

    Args:
        function: A function of tensors that draws no random numbers and updates nothing.
        *inputs: Its arguments; only these are stored.
        enabled: If off, or without gradients, this is a plain call.

    Returns:
        The result of `function`.
    """
    if not (enabled and torch.is_grad_enabled()):
        return function(*inputs)
    return checkpoint(function, *inputs, use_reentrant=False, preserve_rng_state=False)
