"""Memory for time."""
import torch
from torch.utils.checkpoint import checkpoint


def recompute(function, *inputs, enabled=True):
    """Call `function`, which draws no random numbers and updates nothing; its inside is computed again for the
    gradient.

    Args:
        function (callable): Of tensors.
        *inputs (Tensor): What it is called with; only these are kept.
        enabled (bool): Off is a plain call, and so is any call that no gradient is asked of.

    Returns:
        What `function` returns.
    """
    if not (enabled and torch.is_grad_enabled()):
        return function(*inputs)
    return checkpoint(function, *inputs, use_reentrant=False, preserve_rng_state=False)
