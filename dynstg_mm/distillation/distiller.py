"""What all distillers share: a frozen teacher beside a student that stays a plain recognizer."""
import hashlib
import math
import os
import pickle
import re
from dataclasses import dataclass

import torch
from mmaction.models.recognizers import RecognizerGCN
from mmaction.registry import HOOKS, MODELS, TRANSFORMS
from mmengine.dataset import pseudo_collate
from mmengine.dist import all_gather, all_reduce, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

from dynstg_mm.config import read_config
from dynstg_mm.hooks import check_classes
from dynstg_mm.skeletons import get_layout
from dynstg_mm.skeletons.limbs import limb_pool

TWO_VIEWS = ('where the teacher sees another skeleton or other features than the student, the pipeline needs TeacherInput, '
             "then what takes the student to its own, and PackActionInputs(algorithm_keys=('teacher_inputs', )).")


@dataclass
class Outputs:
    """What a network says of a batch, in float32: `features` (N, M, C, T, V) and `scores` (N, classes)."""

    features: Tensor
    scores: Tensor


class Distiller(RecognizerGCN):
    """A student recognizer that learns beside a frozen teacher; its subclasses say what the teacher teaches.

    The student is this recognizer itself: its weights carry the names of a plain `RecognizerGCN`, which loads them. What
    is needed to teach only starts with `distill_`. The teacher is frozen, in eval mode, and neither in the optimizer nor
    in the checkpoint; its weights are read when training starts, so that a test needs none. How often it is right is
    logged as `teacher_acc`.

    A sample may bring `teacher_inputs` (made by `TeacherInput`), where the teacher sees another skeleton or other
    features of the same window than the student, and `unlabelled_inputs` (made by `UnlabelledWindows`): windows of which
    the student learns only what the teacher says. A teacher is nearly always right on the few clips that it has learnt by
    heart, and has little to tell there beyond the labels; elsewhere it shows where its classes part.

    Args:
        teacher (dict | str): Model config of a `RecognizerGCN`, or path of a config file that has one.
        teacher_ckpt (str): The teacher's checkpoint. Our tools put the fold and the seed of the run in the place of
            `{fold}` and `{seed}`.
        student (dict | str): Model config of a `RecognizerGCN`, or path of a config file that has one.

    Raises:
        FileNotFoundError: There is no such config or checkpoint.
        ValueError: A model is no `RecognizerGCN`, the checkpoint is of another architecture, or the number of classes
            differs.
    """

    def __init__(self, teacher, teacher_ckpt, student):
        student, settings = recognizer_settings(student, 'student'), recognizer_settings(teacher, 'teacher')
        super().__init__(**{key: value for key, value in student.items() if key != 'type'})
        teacher = MODELS.build(settings).requires_grad_(False).eval()
        classes, taught = self.cls_head.num_classes, teacher.cls_head.num_classes
        if classes != taught:
            raise ValueError(f'student: {classes} classes; the teacher has {taught}.')
        layouts = layout_of(student, 'student'), layout_of(settings, 'teacher')
        self.same_skeleton = None in layouts or same_joints(*layouts)  # as far as they tell
        self._teacher = [teacher]  # in a list, so that it is no submodule
        self.teacher_ckpt, self._loaded = teacher_ckpt, None  # the first digits of the SHA-256 of its weights
        self._answers = None  # of a teacher whose outputs are kept: digest of a window -> Outputs

    @property
    def teacher(self):
        """The frozen teacher, with its weights once `load_teacher` was called."""
        return self._teacher[0]

    def load_teacher(self):
        """Read the teacher's weights; returns what its checkpoint tells of its training data, a dict."""
        path = self.teacher_ckpt
        if not isinstance(path, str) or not ('://' in path or os.path.isfile(path)):
            raise FileNotFoundError(f'teacher_ckpt: {path}: no such checkpoint file.')
        try:
            weights, data = read_weights(path)
        except ValueError as error:
            raise ValueError(f'teacher_ckpt: {error}') from None
        try:
            self.teacher.load_state_dict(weights)
        except RuntimeError as error:
            reason = ' '.join(str(error).split())[:200]
            raise ValueError(f'teacher_ckpt: {path}: of another architecture than teacher ({reason} ...).') from None
        digest = hashlib.sha256()
        for name, value in self.teacher.state_dict().items():
            digest.update(name.encode() + value.cpu().numpy().tobytes())
        self._loaded = digest.hexdigest()[:8]
        return data

    def cache_teacher(self):
        """Ask the teacher but once about a window, from now on, and keep what it says of it in main memory."""
        self._answers = {}

    def settings(self):
        """What a stopped run must find the same when it goes on, by the fields of the config; of a teacher that is loaded."""
        shapes = {name: list(value.shape) for name, value in self.state_dict().items() if name.startswith('distill_')}
        memory, projection = shapes.get('distill_memory'), shapes.get('distill_projection.weight')
        student = [value.numel() for name, value in self.named_parameters() if not name.startswith('distill_')]
        return {'type': type(self).__name__, 'teacher_ckpt': f'weights {self._loaded}',
                'nodes, memory_size or weights': f'a memory of {memory} (kinds, classes, entries, channels)',
                'student': f'{sum(student):,} parameters in {len(student)} parts, and a projection of {projection}'}

    def forget(self):
        """Empty what the distiller keeps of clips it has seen; a subclass that keeps something does so."""

    def share_graph(self, student, teacher, joints):
        """Keep what the nodes of the two graphs are compared by: `distill_student_pool` and `distill_teacher_pool`, of
        `shared_pools`, and `distill_projection` into the teacher's channels. Returns whether both have the same joints; with
        `joints` these then take the place of the limbs."""
        same, *pools = shared_pools(student, teacher)
        for role, pool in zip(('student', 'teacher'), pools):
            pool = torch.eye(pool.shape[1]) if same and joints else pool
            self.register_buffer(f'distill_{role}_pool', pool, persistent=False)
        self.distill_projection = nn.Linear(self.cls_head.in_channels, self.teacher.cls_head.in_channels)
        return same

    def loss(self, inputs, data_samples, **kwargs):
        """Losses by name: the student's own, of the labelled windows, and those of `distill`, of all."""
        samples = [sample for sample in data_samples for _ in range(inputs.shape[1])]
        seen = join_windows(inputs, data_samples, 'unlabelled_inputs')
        features, _ = self.extract_feat(seen)
        scores = self.cls_head(features)
        losses = self.cls_head.loss_by_feat(scores[:len(samples)], samples)
        taught = self.teach(inputs, data_samples)
        labels = torch.cat([sample.gt_label for sample in samples]).to(scores.device)
        losses['teacher_acc'] = (taught.scores[:len(labels)].argmax(-1) == labels).float().mean()
        with torch.autocast(inputs.device.type, enabled=False):  # small differences are what is taught
            losses.update(self.distill(Outputs(features.float(), scores.float()), taught, labels))
        return losses

    def distill(self, student, teacher, labels):
        """What the student learns from the teacher.

        Args:
            student, teacher (Outputs): Of the same windows, the labelled ones first.
            labels (Tensor): Classes of the labelled ones.

        Returns:
            dict[str, Tensor]: Losses, by names that start with `loss_`.
        """
        raise NotImplementedError

    @torch.no_grad()
    def teach(self, inputs, data_samples):
        """The teacher's `Outputs` of a batch, the labelled windows first; ValueError before `load_teacher` was called."""
        if not self._loaded:
            raise ValueError('default_hooks: no DistillationHook (default_hooks=dict(distillation=dict('
                             "type='DistillationHook'))), which loads the teacher once it has looked whether it fits the data.")
        windows = self.teacher_windows(inputs, data_samples)
        if self._answers is None:
            return self._ask(windows)
        found = [self._recall(window) for window in windows]
        features, scores = (torch.cat([getattr(one, field) for one in found]) for field in ('features', 'scores'))
        return Outputs(features.to(windows.device), scores.to(windows.device))

    @staticmethod
    def teacher_windows(inputs, data_samples):
        """What the teacher sees of a batch, (windows, 1, M, T, V, C), the labelled ones first."""
        unlabelled = 'unlabelled_inputs'
        if 'teacher_inputs' in data_samples[0]:
            inputs = torch.stack([torch.as_tensor(sample.teacher_inputs) for sample in data_samples]).to(inputs)
            unlabelled = 'unlabelled_teacher_inputs'
        return join_windows(inputs, data_samples, unlabelled)

    def _ask(self, windows):
        teacher = self.teacher.to(windows.device)
        features, _ = teacher.extract_feat(windows)
        return Outputs(features.float(), teacher.cls_head(features).float())

    def _recall(self, window):
        """What the teacher says, or has said, of a window by itself: what a resumed run hears as well, to the last digit."""
        key = hashlib.sha256(window.float().cpu().numpy().tobytes()).digest()
        if key not in self._answers:
            told = self._ask(window[None])
            self._answers[key] = Outputs(told.features.cpu(), told.scores.cpu())
        return self._answers[key]


def read_weights(path):
    """Weights of the recognizer in a checkpoint of MMEngine, a file or an address, without what a distiller needs to teach,
    and what the checkpoint tells of its training data, two dicts.

    ValueError where it is no such checkpoint.
    """
    try:
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu', logger='silent')
    except (OSError, RuntimeError, KeyError, ImportError, pickle.UnpicklingError) as error:  # also of addresses, s3://...
        reason = ' '.join(str(error).split())
        raise ValueError(reason if path in reason else f'{path}: {reason}') from None
    weights, meta = ((checkpoint.get(key) if isinstance(checkpoint, dict) else None) for key in ('state_dict', 'meta'))
    if not isinstance(weights, dict) or not weights or not all(isinstance(name, str) for name in weights):
        raise ValueError(f'{path}: state_dict: missing; expected a checkpoint of MMEngine.')
    return {name: value for name, value in weights.items() if not name.startswith('distill_')}, _data_of(meta)


def _data_of(meta):
    """What the `meta` of a checkpoint tells of its training data: lists of names, a dict."""
    data = meta.get('dataset_meta') if isinstance(meta, dict) else None
    return {field: value for field, value in (data if isinstance(data, dict) else {}).items()
            if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)}


def join_windows(inputs, data_samples, field):
    """Labelled windows, and after them those that the samples bring without a label.

    Shape:
        inputs: (N, W, M, T, V, C), W windows of each sample. The samples' field: (U, M, T, V, C), or not there.
        Result: (N * W + N * U, 1, M, T, V, C).

    Raises:
        ValueError: The windows of the two are of different shapes.
    """
    labelled = inputs.flatten(0, 1)[:, None]
    if field not in data_samples[0]:
        return labelled
    more = torch.cat([torch.as_tensor(sample.get(field)) for sample in data_samples]).to(inputs)[:, None]
    if more.shape[1:] != labelled.shape[1:]:
        raise ValueError(f'{field}: windows (M, T, V, C) of {tuple(more.shape[2:])}; the labelled ones are of '
                         f'{tuple(labelled.shape[2:])}.')
    return torch.cat([labelled, more])


def recognizer_settings(model, role):
    """Settings of a `RecognizerGCN` from a dict or the path of a config file."""
    if isinstance(model, str):
        model = read_config(model, role).get('model')
    kind = model.get('type') if isinstance(model, dict) else type(model).__name__
    found = MODELS.get(kind) if isinstance(kind, str) else kind
    if not isinstance(found, type) or not issubclass(found, RecognizerGCN) or issubclass(found, Distiller):
        raise ValueError(f'{role}: {kind}; expected the config of a RecognizerGCN, or the path of one.')
    if role == 'student' and found is not RecognizerGCN:
        raise ValueError(f'{role}: {kind}; expected RecognizerGCN itself, which is what the student is trained as.')
    if not model.get('cls_head'):
        raise ValueError(f'{role}: cls_head: missing; a teacher and its student both score classes.')
    return model


def layout_of(model, role):
    """The skeleton layout that the backbone in a model's settings is built for; None where it tells none."""
    backbone = recognizer_settings(model, role).get('backbone') or {}
    while 'graph_cfg' not in backbone and isinstance(backbone.get('backbone'), dict):
        backbone = backbone['backbone']
    graph = backbone.get('graph_cfg')
    return get_layout(graph.get('layout', 'coco')) if graph else None  # MMAction2's default


def same_joints(ours, theirs):
    """Whether two layouts have the same joints: by name, or unnamed and linked alike."""
    named = not any(re.fullmatch(r'joint_\d+', name) for name in ours['joints'])
    return list(ours['joints']) == list(theirs['joints']) and (
        named or (sorted(map(sorted, ours['inward'])), ours['center']) == (sorted(map(sorted, theirs['inward'])),
                                                                           theirs['center']))


def shared_pools(student, teacher):
    """What the skeletons of a student and a teacher have in common.

    Args:
        student, teacher (dict | str): As of `Distiller`.

    Returns:
        tuple[bool, Tensor, Tensor]: Whether the joints are the same; of the student and of the teacher the mean over the
        joints of each limb that both have, and of the body, (l + 1, v).

    Raises:
        ValueError: The joints differ, and no limb has the same name in both; or one tells no layout.
    """
    ours, theirs = layout_of(student, 'student'), layout_of(teacher, 'teacher')
    for role, layout in (('student', ours), ('teacher', theirs)):
        if layout is None:
            raise ValueError(f'{role}: backbone.graph_cfg: missing; relations between joints and limbs need its layout.')
    if same_joints(ours, theirs):
        pool = limb_pool(theirs, list(theirs['limbs']))
        return True, pool, pool.clone()
    # what get_layout calls the limbs of a layout without any means something else in each
    limbs = [name for name in theirs['limbs'] if name in ours['limbs'] and not re.fullmatch(r'center|branch_\d+', name)]
    if not limbs:
        raise ValueError(f'student: limbs {", ".join(ours["limbs"])}; the teacher has {", ".join(theirs["limbs"])}, and '
                         'relations between different skeletons need limbs of the same name in both layouts '
                         '(graph_cfg.layout.limbs).')
    return False, limb_pool(ours, limbs), limb_pool(theirs, limbs)


def check_options(**options):
    """Refuse a weight below 0, a temperature of 0, a memory without entries, and weights that switch everything off."""
    for name, value in options.items():
        whole = name.endswith('size')
        lowest = 0 if name.endswith('weight') else 1 if whole else 1e-6
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not (
                value >= lowest and math.isfinite(value)):
            raise ValueError(f'{name}: {value!r}; expected a {"whole " if whole else ""}number from {lowest:g}'
                             + ('; memory_weight=0 switches the memory off.' if whole else '.'))
    weights = {name: value for name, value in options.items() if name.endswith('weight')}
    if not any(weights.values()):
        raise ValueError(f'{", ".join(weights)}: 0; expected one above 0, or the teacher teaches nothing.')


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

    Args:
        cache_teacher (bool): Ask the teacher but once about a window, and keep what it says of it in main memory: a window
            takes M * C * T * V floats of its last features (of the large one and 64 frames of 25 joints 154 kB). It saves
            the time of the teacher from the second epoch on, where the pipeline shows the same windows in every epoch.

    Raises:
        ValueError: The model is no `Distiller`; the teacher knows other classes, or has learnt from another part of the
            same file, so that it may have seen whom the student is tested on; a class has no clip to learn from; one of the
            two cannot see the samples, or the teacher, of other joints, is shown the student's; its scores are no numbers;
            the heads have another number of classes than the data; a run that goes on was begun by another distiller,
            teacher or student, or with other data; or the pipeline shows other windows each time, and `cache_teacher` is on.
        FileNotFoundError: There is no such checkpoint.
    """

    def __init__(self, cache_teacher=False):
        if not isinstance(cache_teacher, bool):
            raise ValueError(f'cache_teacher: {cache_teacher!r}; expected True or False.')
        self.cache_teacher = cache_teacher

    def before_save_checkpoint(self, runner, checkpoint):
        checkpoint['distillation'] = self._model(runner).settings()

    def after_load_checkpoint(self, runner, checkpoint):
        if not runner._resume:
            return
        begun = checkpoint.get('distillation')
        if not isinstance(begun, dict):
            raise ValueError('resume: the checkpoint is of no run of a distiller; expected one, or load_from without resume.')
        model = self._model(runner)
        model.load_teacher()
        for field, value in model.settings().items():
            if begun.get(field) != value:
                raise ValueError(f'resume: model.{field}: {value}; the run was begun with {begun.get(field)}.')
        sources = [getattr(runner.train_dataloader.dataset, 'metainfo', {}).get('source'),
                   _data_of(checkpoint.get('meta')).get('source')]
        own, begun = (', '.join(source) if source else None for source in sources)
        if own != begun:
            raise ValueError(f'resume: train_dataloader.dataset: {own}; the run was begun with {begun}.')

    @staticmethod
    def _model(runner):
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if not isinstance(model, Distiller):
            raise ValueError(f'DistillationHook: the model is a {type(model).__name__}; expected a distiller.')
        return model

    def before_train(self, runner):
        model = self._model(runner)
        dataset = runner.train_dataloader.dataset
        own = getattr(dataset, 'metainfo', {})
        check_classes(model.cls_head.num_classes, dataset)
        self._compare(own, model.load_teacher(), model.teacher_ckpt)
        if not runner._resume:  # the weights of another run, from which it may start, bring a memory of other clips
            model.forget()
        if hasattr(dataset, 'get_data_info'):
            present = {int(dataset.get_data_info(index)['label']) for index in range(len(dataset))}
            lacking = [label for label in range(model.cls_head.num_classes) if label not in present]
            if lacking:
                names = own.get('classes') or list(map(str, range(model.cls_head.num_classes)))
                raise ValueError(f'train_dataloader.dataset: no clip of class {names[lacking[0]]}; the student learns, and '
                                 'the memory holds, every class.')
        self._try(model, dataset)
        if self.cache_teacher:
            self._check_windows(model, dataset)
            model.cache_teacher()

    @staticmethod
    def _compare(own, taught, path):
        for field, meaning in (('classes', 'labels would mean other classes'),
                               ('source', 'the teacher may have seen whom the student is tested on')):
            if not own.get(field) or not taught.get(field):
                MMLogger.get_current_instance().warning(
                    f'teacher_ckpt: {path}: {field}: unknown of the teacher or of the data; where they differ, {meaning}.')
            elif field == 'source' and own[field][0] != taught[field][0]:
                MMLogger.get_current_instance().warning(
                    f'teacher_ckpt: {path}: it has learnt from {taught[field][0]}, the student learns from {own[field][0]}; '
                    f'if people are in both, {meaning}.')
            elif tuple(own[field]) != tuple(taught[field]):
                raise ValueError(f'teacher_ckpt: {path}: {field} {", ".join(taught[field])}; the student has '
                                 f'{", ".join(own[field])}, and {meaning}.')

    @classmethod
    def _check_windows(cls, model, dataset):
        """Refuse data that is drawn anew each time; several clips tell, since a random step may leave one as it is."""
        for index in range(min(len(dataset), 16)):
            once, again = (cls._batch_of(model, dataset, index) for _ in range(2))
            if not torch.equal(model.teacher_windows(**once), model.teacher_windows(**again)):
                raise ValueError(f'cache_teacher: the training pipeline shows other windows of {cls._clip(once, index)} each '
                                 'time; expected one that draws nothing at random, such as that of a test, or '
                                 'cache_teacher=False.')

    @staticmethod
    def _batch_of(model, dataset, index):
        return model.data_preprocessor(pseudo_collate([dataset[index]]), training=False)

    @staticmethod
    def _clip(batch, index):
        """Name of the clip; MMAction2's own pipelines do not bring it."""
        return batch['data_samples'][0].get('frame_dir', f'clip {index}')

    @classmethod
    def _try(cls, model, dataset):
        """Let both networks see one sample."""
        batch = cls._batch_of(model, dataset, 0)
        if not model.same_skeleton and 'teacher_inputs' not in batch['data_samples'][0]:
            raise ValueError('teacher: its skeleton has other joints than the student\'s; ' + TWO_VIEWS)
        cls._check_walks(model, dataset, batch)
        taught = cls._see('teacher', lambda: model.teach(**batch), batch, model)
        cls._see('student', lambda: model.extract_feat(batch['inputs'].flatten(0, 1)[:, None]), batch, model)
        if not taught.scores.isfinite().all():
            raise ValueError(f'teacher_ckpt: {model.teacher_ckpt}: its scores of {cls._clip(batch, 0)} are no finite '
                             'numbers; its training has failed.')

    @staticmethod
    def _check_walks(model, dataset, batch):
        """Refuse windows without labels that reach one network only, or none: a key that is not packed is lost unsaid."""
        while not hasattr(dataset, 'pipeline') and hasattr(dataset, 'dataset'):  # of a RepeatDataset
            dataset = dataset.dataset
        steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
        sample, own = batch['data_samples'][0], 'teacher_inputs' in batch['data_samples'][0]
        keys = ['unlabelled_inputs', *(['unlabelled_teacher_inputs'] if own else [])]
        there = {key: len(sample.get(key, ())) for key in keys}
        kind = TRANSFORMS.get('UnlabelledWindows')
        wanted = any(isinstance(step, kind) and step.num_windows for step in steps)
        if len({*there.values()}) > 1 or wanted and not all(there.values()):
            raise ValueError(f'train_dataloader.dataset.pipeline: windows without labels: {there}; expected as many of each, '
                             f'by PackActionInputs(algorithm_keys=(..., {", ".join(map(repr, keys))})) after '
                             f'UnlabelledWindows' + (', whose own pipeline needs TeacherInput, too.' if own else '.'))

    @staticmethod
    def _see(role, look, batch, model):
        """What a network tells of a sample; ValueError where it cannot see it."""
        training = model.training
        model.eval()
        try:
            with torch.no_grad():
                return look()
        except (RuntimeError, ValueError, IndexError) as error:
            reason = ' '.join(str(error).split())[:200]
            raise ValueError(f'{role}: it cannot see samples of the shape {tuple(batch["inputs"].shape)} ({reason}); '
                             + TWO_VIEWS) from None
        finally:
            model.train(training)
