"""Whatever is valid passes, and what is wrong is named with its place and the nearest names."""
import contextlib
from pathlib import Path

import mmaction
import pytest
from mmengine.config import Config
from mmengine.registry import HOOKS, MODELS, Registry

from dynstg_mm.config import apply_options, parse_cfg_options, read_config
from dynstg_mm.config_check import LOG_PACKAGES, NESTED, TOP, check_config
from dynstg_mm.datasets import GaitDataset
from dynstg_mm.errors import ConfigError

from .conftest import ROOT

SMALL = ROOT / 'configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
KOA = ROOT / 'configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-60e_koa-keypoint-2d.py'
STGCN = ROOT / 'configs/stgcn/stgcn_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
TARGETS = next((ROOT / 'configs').glob('*/*cadence*.py'))
CGRKD = ROOT / 'configs/cgrkd/cgrkd-large-to-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
OURS = sorted(path for path in (ROOT / 'configs').glob('*/*.py') if path.parent.name != '_base_')
MMACTION = sorted((Path(mmaction.__file__).parent / '.mim/configs/skeleton').rglob('*.py'))

pytestmark = pytest.mark.usefixtures('read_once')


def read(path, *options):
    return apply_options(read_config(path), parse_cfg_options(options))


@pytest.mark.parametrize('paths', [OURS, MMACTION], ids=['ours', 'mmaction'])
def test_shipped_configs_pass(paths):
    assert len(paths) > 30
    for path in paths:
        check_config(read(path))


@pytest.mark.parametrize('option, named', [
    ('in_channels=3', 'model.backbone.in_channels'),
    ('num_classes=4', 'model.cls_head.num_classes'), ('train_pipeline.0.type=PoseDecode', 'train_dataloader.dataset')])
def test_a_variable_that_changes_nothing_is_refused(option, named):
    with pytest.raises(ConfigError, match=named):
        read(KOA, option)


@pytest.mark.parametrize('path, options', [
    (SMALL, ['model.backbone.graph_cfg.max_hop=2', 'optim_wrapper.optimizer.betas=0.9,0.99']),
    (SMALL, ['optim_wrapper.type=AmpOptimWrapper', 'optim_wrapper.loss_scale=dynamic', 'train_cfg.val_begin=2']),
    (SMALL, ['default_hooks.checkpoint.save_param_scheduler=False', 'default_hooks.checkpoint.priority=LOW']),
    (SMALL, ['optim_wrapper.paramwise_cfg.bias_lr_mult=2', 'train_dataloader.num_batch_per_epoch=3']),
    (STGCN, ['model.backbone.gcn_adaptive=init', 'model.backbone.tcn_type=mstcn', 'model.backbone.gcn_with_res=True']),
    (SMALL, ['optim_wrapper.optimizer.type=torch.optim.SGD', 'randomness.deterministic=True']),
])
def test_valid_options_pass(path, options):
    check_config(read(path, *options))


@pytest.mark.parametrize('path, option, named', [
    (SMALL, 'model.backbone.type=DFSTGN', 'model.backbone.type: DFSTGN: .*DFSTGNN'),
    (SMALL, 'model.backbone.base_chanels=8', 'model.backbone.base_chanels: .*DynSTGMamba.*base_channels'),
    (SMALL, 'model.backbone.in_channels=x', "model.backbone.in_channels: 'x'"),
    (SMALL, 'model.backbone.in_channels=2.5', 'model.backbone.in_channels: 2.5'),
    (SMALL, 'model.backbone.in_channels=[2,3]', r'model.backbone.in_channels: \[2, 3\]'),
    (SMALL, 'model.backbone.graph_cfg.layot=coco', 'model.backbone.graph_cfg.layot: .*layout'),
    (SMALL, 'model.backbone.graph_cfg=coco', 'model.backbone.graph_cfg: .coco'),
    (SMALL, 'model.backbone=DFSTGNN', 'model.backbone: .DFSTGNN'),
    (SMALL, 'model.cls_head.drop=0.1', 'model.cls_head.drop: .*dropout'),  # of MMAction2's class above ours
    (SMALL, 'model.cls_head.loss_cls.type=CrossEntropyLoss model.cls_head.loss_cls.class_weight=1,2',
     'model.cls_head.loss_cls.class_weight: 2 numbers'),
    (SMALL, 'model.cls_head.loss_cls.type=FocalLos', 'model.cls_head.loss_cls.type: .*FocalLoss'),
    (STGCN, 'model.backbone.gcn_typ=unit_gcn', 'model.backbone.gcn_typ: .*gcn_type'),
    (STGCN, 'model.backbone.tcn_dropuot=0.1', 'model.backbone.tcn_dropuot: .*tcn_dropout'),
    (CGRKD, 'model.student.backbone.siez=small', 'model.student.backbone.siez: .*size'),
    (CGRKD, 'model.logit_weight=much', "model.logit_weight: 'much'"),
    (SMALL, 'train_dataloader.dataset.ann_fil=x.pkl', 'train_dataloader.dataset.ann_fil: .*ann_file'),
    (SMALL, 'train_dataloader.dataset=x.pkl', 'train_dataloader.dataset: .x.pkl'),
    (SMALL, 'train_dataloader.batch_sze=8', 'train_dataloader.batch_sze: .*batch_size'),
    (SMALL, 'test_dataloader.sampler.shufle=True', 'test_dataloader.sampler.shufle: .*shuffle'),
    (SMALL, 'train_dataloader.dataset.pipeline.3.type=SampleWindow', 'pipeline.3.type: SampleWindow: .*SampleWindows'),
    (SMALL, 'train_dataloader.dataset.pipeline.3.duraton=2', 'pipeline.3.duraton: .*duration'),
    (SMALL, 'test_evaluator.type=GaitMetrik', 'test_evaluator.type: GaitMetrik: .*GaitMetric'),
    (SMALL, 'val_evaluator.out_fil=x.json', 'val_evaluator.out_fil: .*out_file'),
    (SMALL, 'optim_wrapper.optimizer.type=Adamw', 'optim_wrapper.optimizer.type: Adamw: .*AdamW'),
    (SMALL, 'optim_wrapper.optimizer.lr=abc', "optim_wrapper.optimizer.lr: 'abc'; expected a number"),
    (SMALL, 'optim_wrapper.clip_grd.max_norm=1', 'optim_wrapper.clip_grd: .*clip_grad'),
    (SMALL, 'param_scheduler.warmup_epoch=3', 'param_scheduler.warmup_epoch: .*warmup_epochs'),
    (SMALL, 'train_cfg.max_epoch=3', 'train_cfg.max_epoch: .*max_epochs'),
    (SMALL, 'default_hooks.checkpoint.type=CheckpointHok', 'default_hooks.checkpoint.type: .*CheckpointHook'),
    (SMALL, 'default_hooks.checkpoint.intervall=2', 'default_hooks.checkpoint.intervall: .*interval'),
    (SMALL, 'default_hooks.chekpoint.interval=2', 'default_hooks.chekpoint: .*checkpoint'),
    (SMALL, 'default_hooks.early_stopping.patience=2', 'default_hooks.early_stopping: .*type'),
    (SMALL, 'custom_hooks.0.type=EarlyStoppingHook', 'custom_hooks: a dict.*default_hooks'),
    (TARGETS, 'model.cls_head.outputs.cadense.weight=2', 'model.cls_head.outputs.cadense: .*cadence'),
    (SMALL, 'default_hooks.timer=3', 'default_hooks.timer: 3'),
    (SMALL, 'visualizer.vis_backends.0.type=LocalBackend', 'vis_backends.0.type: LocalBackend: .*LocalVisBackend'),
    (SMALL, 'visualizer.vis_backends.1.type=LocalVisBackend', 'vis_backends.1: LocalVisBackend'),
    (SMALL, 'log_processor.windw_size=2', 'log_processor.windw_size: .*window_size'),
    (SMALL, 'randomness.seed=-1', 'randomness.seed: -1'),
    (SMALL, 'randomness.sed=1', 'randomness.sed: .*seed'),
])
def test_wrong_setting_is_named_with_the_nearest(path, option, named):
    with pytest.raises(ConfigError, match=f'{path.name}: .*{named}'):
        check_config(read(path, *option.split()))


@pytest.mark.parametrize('option, value', [
    ('data_prefix', 'walks'), ('data_prefix', 3), ('metainfo', 'KOA'), ('indices', 'few'), ('indices', ['a']),
    ('indices', {'first': 3}), ('split', {'part': 'test'}), ('cache_mb', {'all': 1}), ('ann_file', None),
    ('max_refetch', None), ('modality', 'Pose')])
def test_values_of_a_data_set_have_its_types(option, value):
    config = read(SMALL)
    config.test_dataloader.dataset[option] = value
    with pytest.raises(ConfigError, match=f'test_dataloader.dataset.{option}: '):
        check_config(config)


@pytest.mark.parametrize('option, value', [
    ('data_prefix', dict(clips=3)), ('data_prefix', None), ('valid_ratio', 0.5), ('multi_class', True),
    ('metainfo', dict(classes=3)), ('metainfo', dict(classes='KOA'))])
def test_what_a_gait_data_set_cannot_use_is_named(option, value):
    with pytest.raises(ConfigError, match=option):
        GaitDataset('gait.pkl', [], **{option: value})


def test_a_log_service_is_added_in_one_line_and_its_missing_package_is_named(monkeypatch):
    option = 'visualizer.vis_backends.1.type=WandbVisBackend'
    for packages, named in (([('no_wandb', )], 'vis_backends.1.type: .*pip install no_wandb'),
                            ([('no_wandb', ), ('torch', )], None)):
        monkeypatch.setitem(LOG_PACKAGES, 'WandbVisBackend', packages)
        config = read(SMALL, option, 'visualizer.vis_backends.1.init_kwargs.project=gait')
        assert [backend.type for backend in config.visualizer.vis_backends] == ['LocalVisBackend', 'WandbVisBackend']
        with pytest.raises(ConfigError, match=named) if named else contextlib.nullcontext():
            check_config(config)


@pytest.mark.parametrize('place', ['2.type=WandbVisBackend', '1=WandbVisBackend', 'one.type=WandbVisBackend'])
def test_only_the_next_place_in_a_list_is_made(place):
    with pytest.raises(ConfigError, match='visualizer.vis_backends is a list of 1'):
        read(SMALL, f'visualizer.vis_backends.{place}')


def test_setting_without_its_place_is_found():
    with pytest.raises(ConfigError, match='lr: .*expected optim_wrapper.optimizer.lr'):
        read(SMALL, 'lr=abc')


def test_every_registry_exists():
    for part in (*TOP.values(), *NESTED.values()):
        assert part.registry is None or isinstance(getattr(__import__('mmengine').registry, part.registry), Registry)


class Base:

    def __init__(self, width: int = 1, height: float = 1.):
        pass


def helper(depth=1):
    pass


class Passes(Base):

    def __init__(self, needed, **kwargs):
        kwargs.get('width')
        super().__init__(**dict(height=2), **{'height': 2, **kwargs})


class Renames(Base):

    def __init__(self, **kwargs):
        kwargs['width'] = kwargs.pop('breadth', 1)
        super().__init__(**kwargs)


class Calls:

    def __init__(self, **kwargs):
        helper(**kwargs)


class Ignores:

    def __init__(self, **kwargs):
        pass


@pytest.mark.parametrize('built, settings, named', [
    (Passes, dict(needed=1, width=2), None),
    (Passes, dict(needed=1, widht=2), 'widht: .*Passes.*width'),
    (Passes, dict(needed=1, width='x'), "width: 'x'"),
    (Passes, dict(width=2), 'needed: missing'),
    (Renames, dict(breadth=2), None),  # does more with its options than this check follows
    (Calls, dict(depth=2), None),
    (Calls, dict(dpeth=2), 'dpeth: .*depth'),
    (Ignores, dict(anything=2), None),
])
def test_options_are_followed_to_where_they_are_passed(built, settings, named):
    cfg = Config(dict(model=dict(settings, type=built)))
    if named is None:
        check_config(cfg)
    else:
        with pytest.raises(ConfigError, match=f'^model.{named}'):
            check_config(cfg)


def test_own_types_are_known_once_they_are_registered():
    cfg = Config(dict(model=dict(type='OwnModel', width=1), custom_hooks=[dict(type='OwnHook')]))
    with pytest.raises(ConfigError, match='model.type: OwnModel'):
        check_config(cfg)
    MODELS.register_module('OwnModel', module=Base)
    try:
        with pytest.raises(ConfigError, match='custom_hooks.0.type: OwnHook'):
            check_config(cfg)
        HOOKS.register_module('OwnHook', module=Ignores)
        check_config(cfg)
    finally:
        for registry, name in ((MODELS, 'OwnModel'), (HOOKS, 'OwnHook')):
            registry.module_dict.pop(name, None)
