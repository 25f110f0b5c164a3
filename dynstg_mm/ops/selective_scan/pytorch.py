"""The linear recurrence behind the selective scan, in PyTorch alone."""
import torch


class LinearRecurrence(torch.autograd.Function):
    """h[t] = a[t] h[t-1] + x[t] along the first axis, from h[-1] = 0.

    Time comes first, so that each step is one fused multiply-add over contiguous memory; the backward pass is the same
    recurrence run the other way. Stable for any a in [0, 1], since nothing is ever divided by a product of a.

    Shape:
        a, x: (t, ...); result: (t, ...).
    """

    @staticmethod
    def forward(ctx, a, x):
        h = torch.empty_like(x)
        h[0] = x[0]
        for t in range(1, len(x)):
            torch.addcmul(x[t], a[t], h[t - 1], out=h[t])
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        a, h = ctx.saved_tensors
        grad_x = torch.empty_like(grad, memory_format=torch.contiguous_format)
        grad_x[-1] = grad[-1]
        for t in range(len(grad) - 2, -1, -1):
            torch.addcmul(grad[t], a[t + 1], grad_x[t + 1], out=grad_x[t])
        grad_a = torch.zeros_like(a)
        torch.mul(grad_x[1:], h[:-1], out=grad_a[1:])
        return grad_a, grad_x
