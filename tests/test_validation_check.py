"""What acts after validations is refused if there are none, too few, or none that give its score."""
import pytest

from dynstg_mm.config import apply_options, parse_cfg_options, read_config
from dynstg_mm.errors import ConfigError
from dynstg_mm.validation_check import check_validation

from .conftest import ROOT

SMALL = ROOT / 'configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
KOA = ROOT / 'configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-60e_koa-keypoint-2d.py'  # without validation
STOP = ['default_hooks.stop.type=EarlyStoppingHook', 'default_hooks.stop.monitor=gait/macro_f1']
OFTEN = 'train_cfg.val_interval=1'
PLATEAU = ['param_scheduler.type=ReduceOnPlateauLR', 'param_scheduler.monitor=gait/macro_f1']

pytestmark = pytest.mark.usefixtures('read_once')


def check(path, options, why_none=None):
    check_validation(apply_options(read_config(path), parse_cfg_options(options)), why_none)


@pytest.mark.parametrize('path, options', [
    (SMALL, []), (KOA, []), (SMALL, [*STOP, OFTEN]), (SMALL, [*PLATEAU, OFTEN]),
    (SMALL, [*STOP, 'default_hooks.stop.stopping_threshold=0.9']),
    (SMALL, [*STOP, OFTEN, 'default_hooks.stop.patience=18']),
    (SMALL, ['default_hooks.checkpoint.save_best=auto']),
    (KOA, ['default_hooks.checkpoint.save_best=acc/top1'])])
def test_what_can_act_passes(path, options):
    check(path, options)


@pytest.mark.parametrize('path, options, named', [
    (KOA, STOP, 'default_hooks.stop: EarlyStoppingHook.*val_dataloader is missing'),
    (SMALL, [*STOP, 'val_evaluator=None'], 'default_hooks.stop: .*val_evaluator is missing'),
    (KOA, PLATEAU, 'param_scheduler.0: ReduceOnPlateauLR'),
    (SMALL, STOP, 'default_hooks.stop.patience: 5.*2 validations'),  # every 10 of 20 epochs
    (SMALL, [*STOP, OFTEN, 'default_hooks.stop.patience=19'], 'default_hooks.stop.patience: 19'),
    (SMALL, [*STOP, OFTEN, 'train_cfg.val_begin=15'], 'default_hooks.stop.patience: 5.*6 validations'),
    (SMALL, [*STOP, OFTEN, 'default_hooks.stop.monitor=acc/top1'], 'default_hooks.stop.monitor: acc/top1'),
    (SMALL, [*STOP, OFTEN, 'default_hooks.stop.monitor=macro_f1'], 'default_hooks.stop.monitor: macro_f1'),
    (SMALL, [*PLATEAU[:1], OFTEN], 'param_scheduler.0.monitor: loss'),
    (SMALL, ['default_hooks.checkpoint.save_best=acc/top1'], 'default_hooks.checkpoint.save_best: acc/top1'),
])
def test_what_can_never_act_is_named(path, options, named):
    with pytest.raises(ConfigError, match=f'{path.name}: {named}'):
        check(path, options)


def test_the_reason_of_no_validation_is_given():
    with pytest.raises(ConfigError, match='default_hooks.stop: .*--no-validate'):
        check(SMALL, [*STOP, OFTEN], '--no-validate')
