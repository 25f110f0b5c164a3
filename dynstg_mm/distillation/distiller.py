"""The distiller: a student, which stays a plain recognizer, and a frozen teacher."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from mmaction.models.recognizers import RecognizerGCN
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from torch import Tensor, nn

from dynstg_mm.distillation.losses import DistillationLoss
from dynstg_mm.distillation.memory import NodeMemory
from dynstg_mm.distillation.outputs import Outputs
from dynstg_mm.distillation.pair import Pair, may_share_inputs, recognizer_settings, shared_pools
from dynstg_mm.distillation.teacher import Teacher
from dynstg_mm.errors import ConfigError


@MODELS.register_module()
class Distiller(RecognizerGCN):
    r"""A student recognizer that also learns from a frozen teacher.

    .. math:: L = L_{cls} + \sum_i w_i L_i(student, teacher)

    The student is this recognizer itself: a plain `RecognizerGCN` loads its weights by the same names. Everything that
    only distillation needs starts with `distill_` in the state dict: the projection of the student's features to the
    teacher's channels, and the state of the losses. How often the teacher is right is logged as `teacher_acc`.

    A sample may hold two further inputs:

    - `teacher_inputs`, from `TeacherInput`: the same window for a teacher with another skeleton or other features.
    - `unlabelled_inputs`, from `UnlabelledWindows`: windows where the student learns only from the teacher's outputs.
      On its few training clips, a teacher is nearly always right and adds little to the labels; other windows show its
      decision boundary.

    Args:
        teacher: Model config of a `RecognizerGCN`, or the path of a config file that contains one.
        teacher_ckpt: The teacher's checkpoint. `{task}`, `{fold}`, `{seed}` and `{task_folder}` are filled in,
            see `config.fill_placeholders`.
        student: Model config of a `RecognizerGCN`, or the path of a config file that contains one.
        losses: Settings of `LogitLoss`, `RelationLoss`, `FeatureLoss`, `DistanceLoss`, `AngleLoss` or own subclasses
            of `DistillationLoss`. A weight of 0 switches a loss off.

    Raises:
        ConfigError: A model is no `RecognizerGCN`, the numbers of classes differ, or a loss has a wrong option or does
            not fit the two skeletons.
        FileNotFoundError: There is no such config file.

    Example:
        The losses of `CGRKD`::

            model = dict(
                type='Distiller',
                teacher='configs/dynstg_mamba/large.py',
                teacher_ckpt='work_dirs/large/epoch_30.pth',
                student=_base_.model,
                losses=[
                    dict(type='LogitLoss', weight=1., temperature=4.),
                    dict(type='RelationLoss', weight=0.1),
                    dict(type='RelationLoss', weight=0.1, memory=256)
                ])
    """

    def __init__(self, teacher: dict | str, teacher_ckpt: str, student: dict | str, losses: Sequence[dict]) -> None:
        terms = build_losses(losses)
        student, teacher = recognizer_settings(student, 'student'), recognizer_settings(teacher, 'teacher')
        super().__init__(**{key: value for key, value in student.items() if key != 'type'})
        self.teacher = Teacher(teacher, teacher_ckpt)
        heads = self.cls_head, self.teacher.network.cls_head
        for role, head in zip(('student', 'teacher'), heads):
            if hasattr(head, 'outputs'):
                raise ConfigError(f'{role}: cls_head: {type(head).__name__}; a distiller compares scores of classes; '
                                  'expected a head of classes, such as GaitHead.')
        if heads[0].num_classes != heads[1].num_classes:
            raise ConfigError(f'student: cls_head.num_classes: {heads[0].num_classes}; the teacher has '
                              f'{heads[1].num_classes}.')
        self.may_share_inputs = may_share_inputs(student, teacher)
        self.loss_names = [term.name for term in terms]
        self.distill_losses = nn.ModuleDict({term.name: term for term in terms if term.weight})
        comparing = [term for term in self.distill_losses.values() if term.compares_nodes]
        same_joints, *pools = shared_pools(student, teacher) if comparing else (True, torch.eye(0), torch.eye(0))
        for role, pool in zip(('student', 'teacher'), pools):
            self.register_buffer(f'distill_{role}_pool', pool, persistent=False)
        # without a loss that uses it, a projection would be parameters without a gradient
        channels = heads[0].in_channels, heads[1].in_channels
        self.distill_projection = nn.Linear(*channels) if comparing else nn.Identity()
        for term in comparing:
            term.setup(Pair(same_joints, heads[0].num_classes, channels[1]))

    def loss(self, inputs: Tensor, data_samples: list[ActionDataSample], **kwargs: Any) -> dict[str, Tensor]:
        """The student's own loss on the labelled windows, and the weighted distillation losses on all windows.

        Shape:
            - inputs: (n, w, m, t, v, c), with w windows of each sample
        """
        samples = [sample for sample in data_samples for _ in range(inputs.shape[1])]
        features, _ = self.extract_feat(join_windows(inputs, data_samples, 'unlabelled_inputs'))
        scores = self.cls_head(features)
        losses = self.cls_head.loss_by_feat(scores[:len(samples)], samples)
        teacher_features, teacher_scores = self.teacher(teacher_windows(inputs, data_samples))
        labels = torch.cat([sample.gt_label for sample in samples]).to(scores.device)
        losses['teacher_acc'] = (teacher_scores[:len(labels)].argmax(-1) == labels).float().mean()
        frames = min(features.shape[3], teacher_features.shape[3])
        student = Outputs(features.float(), scores.float(), self.distill_student_pool, self.distill_projection, frames)
        teacher = Outputs(teacher_features, teacher_scores, self.distill_teacher_pool, frames=frames)
        with torch.autocast(inputs.device.type, enabled=False):  # the differences are too small for half precision
            for name, term in self.distill_losses.items():
                losses[f'loss_{name}'] = term(student, teacher, labels)
        return losses

    def clear_memory(self) -> None:
        """Empty the memories that the losses keep of earlier batches."""
        for module in self.distill_losses.modules():
            if isinstance(module, NodeMemory):
                module.clear()

    def fingerprint(self) -> dict[str, str]:
        """Values that a stopped run and the run that resumes it must share, by field of the config."""
        state = [f'{name} {list(value.shape)}' for name, value in self.distill_losses.state_dict().items()]
        weights = [value.numel() for value in self.parameters()]
        return dict(teacher_ckpt=f'weights {self.teacher.digest}', losses=', '.join([*self.loss_names, *state]),
                    student=f'{sum(weights):,} parameters in {len(weights)} tensors')


def build_losses(settings: Sequence[dict]) -> list[DistillationLoss]:
    """Build the losses of a distiller; ConfigError if none has a weight, or two have the same name."""
    if not isinstance(settings, (list, tuple)) or not all(isinstance(loss, dict) for loss in settings):
        raise ConfigError(f"losses: {settings!r}; expected a list such as [dict(type='LogitLoss')].")
    losses = [MODELS.build(dict(loss)) for loss in settings]
    for loss in losses:
        if not isinstance(loss, DistillationLoss):
            raise ConfigError(f'losses: {type(loss).__name__}; expected a DistillationLoss, such as LogitLoss.')
    name, count = Counter(['cls', *(loss.name for loss in losses)]).most_common(1)[0]
    if count > 1:
        raise ConfigError(f'losses: two are logged as loss_{name}; set another name= for one of them.')
    if not any(loss.weight for loss in losses):
        weights = ', '.join(f'{loss.name} loss: weight' for loss in losses) or 'losses'
        raise ConfigError(f'{weights}: 0; expected one above 0, or the teacher teaches nothing.')
    return losses


def teacher_windows(inputs: Tensor, data_samples: list[ActionDataSample]) -> Tensor:
    """The windows of a batch as the teacher gets them: `teacher_inputs` if the samples have them.

    Shape:
        - inputs: (n, w, m, t, v, c)
        - Output: as of `join_windows`
    """
    if 'teacher_inputs' not in data_samples[0]:
        return join_windows(inputs, data_samples, 'unlabelled_inputs')
    inputs = torch.stack([torch.as_tensor(sample.teacher_inputs) for sample in data_samples]).to(inputs)
    return join_windows(inputs, data_samples, 'unlabelled_teacher_inputs')


def join_windows(inputs: Tensor, data_samples: list[ActionDataSample], field: str) -> Tensor:
    """The labelled windows of a batch, followed by the unlabelled ones that its samples have in `field`, if any.

    Shape:
        - inputs: (n, w, m, t, v, c), with w windows of each sample; `field` of a sample: (u, m, t, v, c)
        - Output: (n * w + n * u, 1, m, t, v, c)

    Raises:
        ConfigError: The windows of the two have different shapes.
    """
    labelled = inputs.flatten(0, 1)[:, None]
    if field not in data_samples[0]:
        return labelled
    unlabelled = torch.cat([torch.as_tensor(sample.get(field)) for sample in data_samples]).to(inputs)[:, None]
    if unlabelled.shape[1:] != labelled.shape[1:]:
        raise ConfigError(f'train_dataloader.dataset.pipeline: {field}: windows (persons, frames, joints, channels) of '
                          f'{tuple(unlabelled.shape[2:])}; expected {tuple(labelled.shape[2:])} as the labelled ones. '
                          'Let the pipeline of UnlabelledWindows make the same windows.')
    return torch.cat([labelled, unlabelled])
