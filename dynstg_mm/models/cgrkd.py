"""CGRKD: a large teacher teaches a small student the relations between joints, frames and limbs."""
import os

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dist import all_gather
from mmengine.runner import load_checkpoint
from torch import nn

from mmaction.models.recognizers import RecognizerGCN
from mmaction.registry import MODELS

from ..ops.graph import limb_graph
from ..ops.relation import graph_nodes, relation_loss
from ..skeletons import get_layout

KINDS = ('joint', 'frame', 'limb')


@MODELS.register_module()
class CGRKD(RecognizerGCN):
    r"""Cross-graph relational knowledge distillation.

    .. math:: L = L_{cls} + a L_{logit} + b L_{batch} + c L_{memory}

    The student is this recognizer itself: its weights carry the names of a plain `RecognizerGCN`, which loads them. The
    teacher is frozen, in eval mode, and neither in the optimizer nor in the checkpoint. Source: method, CGRKD (our
    reading of arXiv 2503.13156); relations after CIRKD (Yang 2022, arXiv 2204.06986), logits after Hinton 2015.

    Args:
        teacher (dict | str): Model config, or path of a config file that has one.
        teacher_ckpt (str): The teacher's checkpoint.
        student (dict): Config of a `RecognizerGCN`.
        layout (str | dict): Skeleton layout of both; its limbs are nodes.
        logit_weight, batch_weight, memory_weight (float): a, b, c; 0 switches a term off.
        logit_temperature (float): Temperature of the logits.
        temperature (float): Tau of the relations.
        memory_size (int): Entries of each kind and class; the memory takes 3 * classes * size * c_t floats.
        **kwargs: Passed to `RecognizerGCN`, over what `student` says.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: The checkpoint is of another architecture, or the classes differ.
    """

    def __init__(self, teacher, teacher_ckpt, student, layout, logit_weight=1., batch_weight=1., memory_weight=1.,
                 logit_temperature=4., temperature=0.1, memory_size=256, **kwargs):
        options = {key: value for key, value in student.items() if key != 'type'}
        super().__init__(**{**options, **kwargs})
        teacher = _load_teacher(teacher, teacher_ckpt)
        classes, taught = self.cls_head.num_classes, teacher.cls_head.num_classes
        if classes != taught:
            raise ValueError(f'student: {classes} classes; the teacher has {taught}.')
        self._teacher = [teacher]  # in a list, so that it is no submodule
        self.weights = dict(logit=logit_weight, batch=batch_weight, memory=memory_weight)
        self.logit_temperature, self.temperature = logit_temperature, temperature
        width = teacher.cls_head.in_channels
        self.distill_projection = nn.Linear(self.cls_head.in_channels, width)
        self.register_buffer('distill_pool', limb_graph(get_layout(layout))[0])
        self.register_buffer('distill_memory', torch.zeros(len(KINDS), classes, memory_size, width))
        self.register_buffer('distill_filled', torch.zeros(len(KINDS), classes, dtype=torch.long))

    def loss(self, inputs, data_samples, **kwargs):
        """Losses by name: `loss_cls`, and those of the terms that are on."""
        features, _ = self.extract_feat(inputs)
        scores = self.cls_head(features)
        losses = self.cls_head.loss_by_feat(scores, data_samples)
        teacher_features, teacher_scores = self._teach(inputs)
        if self.weights['logit']:
            tau = self.logit_temperature
            losses['loss_logit'] = self.weights['logit'] * tau**2 * F.kl_div(
                (scores / tau).log_softmax(-1), (teacher_scores / tau).log_softmax(-1), reduction='batchmean',
                log_target=True)
        student, teacher = self._nodes(features, teacher_features)
        if self.weights['batch']:
            losses['loss_batch'] = self.weights['batch'] * sum(
                relation_loss(student[kind], teacher[kind], student[kind], teacher[kind], self.temperature)
                for kind in KINDS) / len(KINDS)
        if self.weights['memory']:
            losses['loss_memory'] = self.weights['memory'] * self._memory_loss(student, teacher)
            labels = torch.cat([sample.gt_label for sample in data_samples]).to(scores.device)
            self._remember(teacher, labels.repeat_interleave(len(scores) // len(labels)))
        return losses

    @torch.no_grad()
    def _teach(self, inputs):
        teacher = self._teacher[0].to(inputs.device)
        features, _ = teacher.extract_feat(inputs)
        return features, teacher.cls_head(features)

    def _nodes(self, features, teacher_features):
        """Nodes of both networks, the student's in the teacher's width; persons are averaged."""
        features, teacher_features = features.mean(1), teacher_features.mean(1)
        frames = min(features.shape[2], teacher_features.shape[2])
        projected = self.distill_projection(features.movedim(1, -1)).movedim(-1, 1)
        return [graph_nodes(x, self.distill_pool, frames) for x in (projected, teacher_features)]

    def _memory_loss(self, student, teacher):
        """Both networks compare their nodes with what the memory holds of every class."""
        total = self.distill_projection.weight.sum() * 0  # a memory still empty teaches nothing
        for index, kind in enumerate(KINDS):
            filled = self.distill_filled[index].clamp_max(self.distill_memory.shape[2])
            entries = int(filled.min())  # the same number of each class, so that none outweighs another
            if entries:
                held = self.distill_memory[index, :, :entries].flatten(0, 1)[None].to(teacher[kind].dtype, copy=True)
                total = total + relation_loss(student[kind], teacher[kind], held, held, self.temperature) / len(KINDS)
        return total

    @torch.no_grad()
    def _remember(self, teacher, labels):
        """Put the teacher's nodes of all ranks into the rings of their classes."""
        labels = torch.cat(all_gather(labels))
        size = self.distill_memory.shape[2]
        for index, kind in enumerate(KINDS):
            nodes = torch.cat(all_gather(teacher[kind].contiguous())).to(self.distill_memory.dtype)
            for label in labels.unique().tolist():
                new = nodes[labels == label].flatten(0, 1)[-size:]
                places = (self.distill_filled[index, label] + torch.arange(len(new), device=new.device)) % size
                self.distill_memory[index, label, places] = new
                self.distill_filled[index, label] += len(new)


def _load_teacher(config, checkpoint):
    """The frozen teacher."""
    if isinstance(config, str):
        config = Config.fromfile(config).model
    if not checkpoint or not os.path.isfile(checkpoint):
        raise FileNotFoundError(f'teacher_ckpt: {checkpoint}: no such checkpoint.')
    teacher = MODELS.build(config)
    try:
        load_checkpoint(teacher, checkpoint, map_location='cpu', strict=True)
    except RuntimeError as error:
        reason = ' '.join(str(error).split())[:200]
        raise ValueError(f'teacher_ckpt: {checkpoint}: of another architecture than teacher ({reason} ...).') from None
    teacher.requires_grad_(False)
    return teacher.eval()
