"""What all distillers share: a frozen teacher beside a student that stays a plain recognizer."""
import os
from dataclasses import dataclass

import torch
from mmengine.config import Config
from mmengine.dist import all_gather, all_reduce, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import load_checkpoint
from torch import Tensor

from mmaction.models.recognizers import RecognizerGCN
from mmaction.registry import HOOKS, MODELS

from ..skeletons import get_layout


@dataclass
class Outputs:
    """What a network says of a batch, in float32: `features` (N, M, C, T, V) and `scores` (N, classes)."""

    features: Tensor
    scores: Tensor


class Distiller(RecognizerGCN):
    """A student recognizer that learns beside a frozen teacher; its subclasses say what the teacher teaches.

    The student is this recognizer itself: its weights carry the names of a plain `RecognizerGCN`, which loads them. What
    is needed to teach only starts with `distill_`. The teacher is frozen, in eval mode, and neither in the optimizer nor
    in the checkpoint; its weights are read when training starts, so that a test needs none.

    A sample may bring `teacher_inputs` (made by `TeacherInput`), where the teacher sees another skeleton or other
    features of the same window than the student.

    Args:
        teacher (dict | str): Model config of a `RecognizerGCN`, or path of a config file that has one.
        teacher_ckpt (str): The teacher's checkpoint. Our tools put the fold and the seed of the run in the place of
            `{fold}` and `{seed}`.
        student (dict | str): Model config of a `RecognizerGCN`, or path of a config file that has one.
        **kwargs: Passed to `RecognizerGCN`, over what `student` says.

    Raises:
        FileNotFoundError: There is no such config or checkpoint.
        ValueError: A model is no `RecognizerGCN`, the checkpoint is of another architecture, or the number of classes
            differs.
    """

    def __init__(self, teacher, teacher_ckpt, student, **kwargs):
        student, teacher = recognizer_settings(student, 'student'), recognizer_settings(teacher, 'teacher')
        super().__init__(**{**{key: value for key, value in student.items() if key != 'type'}, **kwargs})
        teacher = MODELS.build(teacher).requires_grad_(False).eval()
        classes, taught = self.cls_head.num_classes, teacher.cls_head.num_classes
        if classes != taught:
            raise ValueError(f'student: {classes} classes; the teacher has {taught}.')
        self._teacher = [teacher]  # in a list, so that it is no submodule
        self.teacher_ckpt, self._loaded = teacher_ckpt, False

    @property
    def teacher(self):
        """The frozen teacher, with its weights once `load_teacher` was called."""
        return self._teacher[0]

    def load_teacher(self):
        """Read the teacher's weights; returns what its checkpoint tells of its training data, a dict."""
        path = self.teacher_ckpt
        if not path or not os.path.isfile(path):
            raise FileNotFoundError(f'teacher_ckpt: {path}: no such checkpoint.')
        try:
            checkpoint = load_checkpoint(self.teacher, path, map_location='cpu', strict=True)
        except RuntimeError as error:
            reason = ' '.join(str(error).split())[:200]
            raise ValueError(f'teacher_ckpt: {path}: of another architecture than teacher ({reason} ...).') from None
        self._loaded = True
        return (checkpoint.get('meta') or {}).get('dataset_meta') or {}

    def loss(self, inputs, data_samples, **kwargs):
        """Losses by name: the student's own, and those of `distill`."""
        features, _ = self.extract_feat(inputs)
        scores = self.cls_head(features)
        losses = self.cls_head.loss_by_feat(scores, data_samples)
        taught = self._teach(inputs, data_samples)
        labels = torch.cat([sample.gt_label for sample in data_samples]).to(scores.device)
        with torch.autocast(inputs.device.type, enabled=False):  # small differences are what is taught
            losses.update(self.distill(Outputs(features.float(), scores.float()), taught,
                                       labels.repeat_interleave(len(scores) // len(labels))))
        return losses

    def distill(self, student, teacher, labels):
        """What the student learns from the teacher.

        Args:
            student, teacher (Outputs): Of the same clips.
            labels (Tensor): Classes of the clips, (N, ).

        Returns:
            dict[str, Tensor]: Losses, by names that start with `loss_`.
        """
        raise NotImplementedError

    @torch.no_grad()
    def _teach(self, inputs, data_samples):
        if not self._loaded:
            self.load_teacher()
        if 'teacher_inputs' in data_samples[0]:
            inputs = torch.stack([torch.as_tensor(sample.teacher_inputs) for sample in data_samples]).to(inputs)
        teacher = self.teacher.to(inputs.device)
        features, _ = teacher.extract_feat(inputs)
        return Outputs(features.float(), teacher.cls_head(features).float())


def recognizer_settings(model, role):
    """Settings of a `RecognizerGCN` from a dict or the path of a config file."""
    if isinstance(model, str):
        if not os.path.isfile(model):
            raise FileNotFoundError(f'{role}: {model}: no such config file.')
        model = Config.fromfile(model).get('model')
    if not isinstance(model, dict) or model.get('type') != 'RecognizerGCN':
        kind = model.get('type') if isinstance(model, dict) else type(model).__name__
        raise ValueError(f'{role}: {kind}; expected the config of a RecognizerGCN, or the path of one.')
    return model


def layout_of(model, role):
    """The skeleton layout that the backbone in a model's settings is built for."""
    backbone = recognizer_settings(model, role).get('backbone') or {}
    while 'graph_cfg' not in backbone and isinstance(backbone.get('backbone'), dict):
        backbone = backbone['backbone']
    if not (backbone.get('graph_cfg') or {}).get('layout'):
        raise ValueError(f'{role}: backbone.graph_cfg.layout: missing; relations between joints and limbs need it.')
    return get_layout(backbone['graph_cfg']['layout'])


class _GatherRows(torch.autograd.Function):
    """Rows of all ranks; what each rank's loss says of a row goes back to the rank that it is from."""

    @staticmethod
    def forward(ctx, x):
        return torch.cat(all_gather(x.contiguous()))

    @staticmethod
    def backward(ctx, gradient):
        gradient = gradient.contiguous()
        all_reduce(gradient)
        return gradient.chunk(get_world_size())[get_rank()]


def gather_clips(x):
    """Rows of all ranks, the first rank's first, with gradients to each; x itself where there is one process."""
    return x if get_world_size() == 1 else _GatherRows.apply(x)


@HOOKS.register_module()
class DistillationHook(Hook):
    """Looks at teacher and data before training starts, and says what does not fit.

    Raises:
        ValueError: The model is no `Distiller`; the teacher knows other classes, or has learnt from another part of the
            same file, so that it may have seen whom the student is tested on; or a class has no clip to learn from.
        FileNotFoundError: There is no such checkpoint.
    """

    def before_train(self, runner):
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if not isinstance(model, Distiller):
            raise ValueError(f'DistillationHook: the model is a {type(model).__name__}; expected a distiller.')
        taught, dataset = model.load_teacher(), runner.train_dataloader.dataset
        own = getattr(dataset, 'metainfo', {})
        for field, meaning in (('classes', 'labels would mean other classes'),
                               ('source', 'the teacher may have seen whom the student is tested on')):
            if field == 'source' and own.get(field, [None])[0] != (taught.get(field) or [None])[0]:
                continue  # of another file, such as motion capture of other people
            if own.get(field) and taught.get(field) and tuple(own[field]) != tuple(taught[field]):
                raise ValueError(f'teacher_ckpt: {model.teacher_ckpt}: {field} {", ".join(taught[field])}; the student '
                                 f'has {", ".join(own[field])}, and {meaning}.')
        if hasattr(dataset, 'get_data_info'):
            present = {int(dataset.get_data_info(index)['label']) for index in range(len(dataset))}
            lacking = [label for label in range(model.cls_head.num_classes) if label not in present]
            if lacking:
                names = own.get('classes') or list(map(str, range(model.cls_head.num_classes)))
                raise ValueError(f'train_dataloader.dataset: no clip of class {names[lacking[0]]}; the memory of '
                                 'distillation holds every class.')
