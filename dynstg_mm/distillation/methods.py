"""Methods of the literature and of the paper: named lists of losses."""
from __future__ import annotations

from collections.abc import Sequence

from mmaction.registry import MODELS

from dynstg_mm.distillation.distiller import Distiller


@MODELS.register_module()
class CGRKD(Distiller):
    r"""Cross-graph relational knowledge distillation: logits, and relations within the batch and to a memory.

    .. math:: L = L_{cls} + a L_{logit} + b L_{batch} + c L_{memory}

    Source: our reading of arXiv 2503.13156; relations after Yang 2022 (CIRKD, arXiv 2204.06986), logits after Hinton
    2015 (arXiv 1503.02531).

    Args:
        teacher, teacher_ckpt, student: See `Distiller`.
        logit_weight, batch_weight, memory_weight: a, b, c; 0 switches a term off.
        logit_temperature: Temperature of `LogitLoss`.
        temperature, nodes, pairwise: See `RelationLoss`.
        memory_size: Nodes that the memory keeps of each kind and class.

    Raises:
        ConfigError: See `Distiller`.
    """

    def __init__(self, teacher: dict | str, teacher_ckpt: str, student: dict | str, logit_weight: float = 1.,
                 batch_weight: float = 0.1, memory_weight: float = 0.1, logit_temperature: float = 4.,
                 temperature: float = 0.1, memory_size: int = 256, nodes: Sequence[str] | str | None = None,
                 pairwise: bool = False) -> None:
        relations = dict(type='RelationLoss', temperature=temperature, nodes=nodes)
        super().__init__(teacher, teacher_ckpt, student, losses=[
            dict(type='LogitLoss', weight=logit_weight, temperature=logit_temperature),
            dict(relations, weight=batch_weight, pairwise=pairwise),
            dict(relations, weight=memory_weight, memory=memory_size)])


@MODELS.register_module()
class LogitKD(Distiller):
    """The teacher's softened scores (Hinton 2015, arXiv 1503.02531).

    Args:
        teacher, teacher_ckpt, student: See `Distiller`.
        logit_weight: Weight of the term.
        logit_temperature: Temperature of `LogitLoss`.
    """

    def __init__(self, teacher: dict | str, teacher_ckpt: str, student: dict | str, logit_weight: float = 1.,
                 logit_temperature: float = 4.) -> None:
        super().__init__(teacher, teacher_ckpt, student, losses=[
            dict(type='LogitLoss', weight=logit_weight, temperature=logit_temperature)])


@MODELS.register_module()
class FitNet(Distiller):
    """The teacher's last feature maps (Romero 2015, arXiv 1412.6550).

    Args:
        teacher, teacher_ckpt, student: See `Distiller`.
        feature_weight: Weight of `FeatureLoss`.
    """

    def __init__(self, teacher: dict | str, teacher_ckpt: str, student: dict | str, feature_weight: float = 1.) -> None:
        super().__init__(teacher, teacher_ckpt, student, losses=[dict(type='FeatureLoss', weight=feature_weight)])


@MODELS.register_module()
class RKD(Distiller):
    """Distances and angles between the clips of a batch (Park 2019, arXiv 1904.05068).

    Args:
        teacher, teacher_ckpt, student: See `Distiller`.
        distance_weight, angle_weight: Weights of `DistanceLoss` and `AngleLoss`, the paper's for classification.
    """

    def __init__(self, teacher: dict | str, teacher_ckpt: str, student: dict | str, distance_weight: float = 25.,
                 angle_weight: float = 50.) -> None:
        super().__init__(teacher, teacher_ckpt, student, losses=[
            dict(type='DistanceLoss', weight=distance_weight), dict(type='AngleLoss', weight=angle_weight)])
