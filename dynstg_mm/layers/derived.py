"""What eval mode need not compute again for every clip."""
import torch
from torch import nn


class DerivedModule(nn.Module):
    """Module that keeps what follows from its parameters alone, such as a learned adjacency, for as long as they last.

    Only in eval mode and where no gradient is asked of it. Kept values are dropped by `train()` and `eval()`, which
    whoever exchanges `param.data` calls (MMEngine's EMA hook does), and by whatever changes a parameter otherwise:
    loading, an optimizer's step, a move to another device.
    """

    def train(self, mode=True):
        self.__dict__.pop('_derived', None)
        return super().train(mode)

    def derived(self, function, *inputs):
        """`function(*inputs)`; the inputs are parameters, buffers, what was derived from such, numbers or None, at least
        one of them a tensor."""
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return function(*inputs)
        kept = self.__dict__.setdefault('_derived', {})
        state = [_state(value) for value in inputs]
        if function not in kept or kept[function][1] != state:
            with torch.autocast(next(value.device.type for value in inputs if torch.is_tensor(value)), enabled=False):
                # the inputs are kept, too: the identity of one that is gone could be another's
                kept[function] = inputs, state, function(*inputs)
        return kept[function][2]


def _state(value):
    if not torch.is_tensor(value):
        return value
    return id(value), value.data_ptr(), None if value.is_inference() else value._version
