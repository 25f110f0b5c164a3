"""A classification head that hears how far a feature swings, not only where it is on average."""
import torch
import torch.nn.functional as F
from mmaction.models import GCNHead
from mmaction.registry import MODELS


@MODELS.register_module()
class GaitHead(GCNHead):
    """MMAction2's `GCNHead` with the standard deviation over time beside the mean.

    A walk is periodic: its mean pose says little, and the mean over time that `GCNHead` takes of a feature loses how
    large the swing is, such as the range of a knee. The standard deviation keeps it (statistics pooling, Snyder et al.
    2018, X-vectors).

    Args:
        num_classes (int): Classes.
        in_channels (int): C, the width of the backbone.
        **kwargs: See `GCNHead`.

    Shape:
        x: (N, M, C, T, V). Result: (N, num_classes), scores before the softmax.
    """

    def __init__(self, num_classes, in_channels, **kwargs):
        super().__init__(num_classes, in_channels, **kwargs)
        self.fc = torch.nn.Linear(2 * in_channels, num_classes)
        del self.pool

    def forward(self, x, **kwargs):
        """Scores of features."""
        mean = x.mean(3, keepdim=True)
        variance = (x - mean).square().mean(3)  # `var` takes two to four times as long
        swing = (variance + 1e-5).sqrt()  # of a feature that stands still the gradient is 0, not infinite
        pooled = torch.cat([mean.mean((1, 3, 4)), swing.mean((1, 3))], 1)
        return self.fc(pooled if self.dropout is None else self.dropout(pooled))


@MODELS.register_module()
class GaitParameterHead(GaitHead):
    """A head that tells gait parameters in place of classes, to pretrain a backbone on walks without a diagnosis.

    What a gait laboratory measures (step length and time, joint ranges, symmetry, regularity) can be computed of any
    walk, so a backbone learns to see it without labels, from as many walks as there are. Our choice; self-supervision
    by regressing known descriptors of the input.

    Args:
        num_parameters (int): P, how many `gait_parameters` a clip has.
        in_channels (int): C, the width of the backbone.
        **kwargs: See `GCNHead`.

    Shape:
        x: (N, M, C, T, V). Result: (N, P). Data samples carry `gait_parameters` (P,), of mean 0 and variance 1 over the
        clips; `PackActionInputs(algorithm_keys=('gait_parameters', ))` puts them there.
    """

    def __init__(self, num_parameters, in_channels, **kwargs):
        super().__init__(num_parameters, in_channels, **kwargs)

    def loss_by_feat(self, cls_scores, data_samples):
        """Smooth L1 distance to the parameters; of several windows of a clip, each to the clip's."""
        wanted = torch.stack([torch.as_tensor(sample.gait_parameters) for sample in data_samples]).to(cls_scores)
        if wanted.shape[1] != cls_scores.shape[1]:
            raise ValueError(f'num_parameters: {cls_scores.shape[1]}; the clips have {wanted.shape[1]} gait_parameters.')
        wanted = wanted.repeat_interleave(len(cls_scores) // len(wanted), 0)
        return dict(loss_parameters=F.smooth_l1_loss(cls_scores, wanted))
