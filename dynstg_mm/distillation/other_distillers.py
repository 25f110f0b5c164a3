"""Distillers of the literature, to judge CGRKD by: each takes its place in a config by its `type`."""
import torch.nn.functional as F
from mmaction.registry import MODELS

from dynstg_mm.distillation.cgrkd import logit_loss
from dynstg_mm.distillation.distiller import Distiller, check_options, gather_clips
from dynstg_mm.distillation.relations import rkd_angles, rkd_distances


@MODELS.register_module()
class LogitKD(Distiller):
    """The teacher's softened scores (Hinton 2015, arXiv 1503.02531).

    Args:
        teacher, teacher_ckpt, student: See `Distiller`.
        logit_weight (float): Weight of the term.
        logit_temperature (float): Temperature of the scores.
    """

    def __init__(self, teacher, teacher_ckpt, student, logit_weight=1., logit_temperature=4.):
        check_options(logit_weight=logit_weight, logit_temperature=logit_temperature)
        super().__init__(teacher, teacher_ckpt, student)
        self.logit_weight, self.logit_temperature = logit_weight, logit_temperature

    def distill(self, student, teacher, labels):
        """`loss_logit`."""
        return dict(loss_logit=self.logit_weight * logit_loss(student.scores, teacher.scores, self.logit_temperature))


@MODELS.register_module()
class FitNet(Distiller):
    """The teacher's last feature maps, regressed by a linear map of the student's (Romero 2015, arXiv 1412.6550, eq. 3).

    Frames are averaged to the shorter of the two maps. Skeletons of the same joints are compared joint by joint, others
    by the limbs that both have.

    Args:
        teacher, teacher_ckpt, student: See `Distiller`.
        feature_weight (float): Weight of the mean squared error.
    """

    def __init__(self, teacher, teacher_ckpt, student, feature_weight=1.):
        check_options(feature_weight=feature_weight)
        super().__init__(teacher, teacher_ckpt, student)
        self.feature_weight = feature_weight
        self.share_graph(student, teacher, joints=True)

    def distill(self, student, teacher, labels):
        """`loss_feature`."""
        frames = min(student.features.shape[3], teacher.features.shape[3])
        seen, taught = (self._map(outputs.features, pool, frames) for outputs, pool in (
            (student, self.distill_student_pool), (teacher, self.distill_teacher_pool)))
        return dict(loss_feature=self.feature_weight * F.mse_loss(self.distill_projection(seen), taught))

    @staticmethod
    def _map(features, pool, frames):
        """(N, M, C, T, V) to (N, frames, joints or limbs, C); persons are averaged."""
        nodes = features.mean(1) @ pool.T
        return F.adaptive_avg_pool2d(nodes, (frames, nodes.shape[-1])).movedim(1, -1)


@MODELS.register_module()
class RKD(Distiller):
    """Distances and angles between the clips of a batch (Park 2019, arXiv 1904.05068, eqs. 3 to 9).

    A clip is the mean of its last feature map.

    Args:
        teacher, teacher_ckpt, student: See `Distiller`.
        distance_weight, angle_weight (float): Weights of the two terms, the paper's for classification.
    """

    def __init__(self, teacher, teacher_ckpt, student, distance_weight=25., angle_weight=50.):
        check_options(distance_weight=distance_weight, angle_weight=angle_weight)
        super().__init__(teacher, teacher_ckpt, student)
        self.weights = dict(distance=distance_weight, angle=angle_weight)

    def distill(self, student, teacher, labels):
        """`loss_distance` and `loss_angle`, over the clips of all ranks."""
        seen, taught = (gather_clips(outputs.features.mean((1, 3, 4))) for outputs in (student, teacher))
        if len(seen) < 2:  # one clip has no relations
            return {f'loss_{name}': 0 * seen.sum() for name, weight in self.weights.items() if weight}
        return {f'loss_{name}': self.weights[name] * F.smooth_l1_loss(relation(seen), relation(taught))
                for name, relation in (('distance', rkd_distances), ('angle', rkd_angles)) if self.weights[name]}
