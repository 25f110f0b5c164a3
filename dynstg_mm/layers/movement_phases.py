"""A soft assignment of frames to phases of the movement."""
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MovementPhases(nn.Module):
    r"""The phase of each frame, from the phase portrait of one signal of the pose.

    .. math::
        s_t = \sum_{v,c} \tfrac12 (w_{vc} - w_{\bar vc})\, x_{t,vc}, \qquad
        \theta_t = \operatorname{atan2}(-\dot s_t / \sigma_{\dot s},\; (s_t - \bar s) / \sigma_s), \qquad
        \pi_{t,p} = \operatorname{softmax}_p \kappa \cos(\theta_t - 2 \pi (p + 1/2) / P)

    In walking, signal and speed run once around a loop in each stride: the angle says where in the stride a frame is.
    Mean and deviations are those of the clip, so neither amplitude nor cadence counts. Source: Method, Movement phases;
    after the phase angle of the thigh (Villarreal, Poonawala and Gregg 2016). Our choices:

    - The signal is the difference between the legs, and only its sharpness is learned. Learned itself, it follows the
      stride less and less.
    - For movements other than walking it can be learned. It then remains a difference between joints and their partners
      on the other side, v and v bar, because what both sides do together, such as the bounce of the body, runs twice
      around the loop in a stride.
    - It is smoothed by a binomial filter of five frames.
    - Phases are soft, and the first begins with the largest signal.

    Args:
        start: Weights of the signal, such as those of `leg_difference`.
        num_phases: P; 1 switches the phases off, and every frame is assigned to the only one.
        sharpness: First value of kappa, which is learned.
        learn: Learn the signal.
        mirror: Partner of each joint on the other side, from `mirror_order`; None for a skeleton without sides, whose
            signal is any sum of joints.

    Shape:
        start: (v, c). x: (b, t, v, c). Result: (b, t, p), non-negative, summing to 1 over p.
    """

    def __init__(self, start: Tensor, num_phases: int = 4, sharpness: float = 4., *,
                 learn: bool = False, mirror: Sequence[int] | None = None) -> None:
        super().__init__()
        self.num_phases = num_phases
        if num_phases > 1:
            if learn:
                self.signal = nn.Parameter(start.clone())
            else:
                self.register_buffer('signal', start.clone(), persistent=False)
            self.sharpness = nn.Parameter(torch.tensor(sharpness))
            self.mirror = None if mirror is None else list(mirror)
            angle = 2 * math.pi * (torch.arange(num_phases) + 0.5) / num_phases
            self.register_buffer('centres', torch.stack([angle.cos(), angle.sin()]), persistent=False)  # (2, p)

    def forward(self, x: Tensor) -> Tensor:
        """Phases of a pose over time."""
        if self.num_phases == 1:
            return x.new_ones(*x.shape[:2], 1)
        return (self.sharpness * self.portrait(x).to(x.dtype) @ self.centres).softmax(-1)

    def portrait(self, x: Tensor) -> Tensor:
        """Cosine and sine of the angle in the phase portrait, (b, t, 2); zeros where the pose stands still."""
        exact = torch.promote_types(x.dtype, torch.float32)  # a difference of poses loses too much in half precision
        weight = self.signal if self.mirror is None else (self.signal - self.signal[self.mirror]) / 2
        signal = (x.to(exact) * weight).sum((2, 3))  # (b, t)
        for _ in range(2):  # noise would count twice: in the signal, and more in its speed
            before, after = _neighbours(signal)
            signal = (before + 2 * signal + after) / 4
        signal = signal - signal.mean(1, keepdim=True)
        before, after = _neighbours(signal)
        speed = after - before
        portrait = torch.stack([signal, -speed], -1)
        spread = (portrait.square().mean(1, keepdim=True) + 1e-4).sqrt()
        return F.normalize(portrait / spread, dim=-1, eps=1e-3)


def _neighbours(signal):
    """Values of the frames before and after, (b, t) each; those at the ends are repeated."""
    return torch.cat([signal[:, :1], signal[:, :-1]], 1), torch.cat([signal[:, 1:], signal[:, -1:]], 1)
