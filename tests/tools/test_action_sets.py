"""Published action sets with MMAction2's own tools, and MMAction2's own checkpoints with ours."""
from pathlib import Path

import mmaction
import pytest

from dynstg_mm.benchmark.fusion import read_dump

from ..conftest import ROOT
from ..test_action_configs import SMALL, STOCK, innermost, resolve, write_file

TOOLS = Path(mmaction.__file__).parent / '.mim/tools'
PARTS = ('train', 'val', 'test')
QUICK = [f'{part}_dataloader.{setting}' for part in PARTS for setting in (
    'num_workers=0', 'persistent_workers=False')]


@pytest.fixture
def options(tmp_path):
    """Options that train a step on a small file and test on it, as MMAction2's own tools understand them."""

    def write(config):
        path = write_file(tmp_path, innermost(resolve(config).train_dataloader), 'xsub_val')
        small = [f'{part}_dataloader.{"dataset." * (part == "train")}dataset.{setting}' for part in PARTS
                 for setting in (f'ann_file={path}', 'pipeline.2.clip_len=20')]
        return [*QUICK, *small, 'train_dataloader.dataset.times=1', 'train_cfg.max_epochs=1']

    return write


def succeeds(done):
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_tools_of_mmaction_run_our_configs(tmp_path, run_tool, options):
    work, given = tmp_path / 'work', ['--cfg-options', *options(SMALL)]
    succeeds(run_tool(TOOLS / 'train.py', SMALL, '--work-dir', work, *given, fresh=True))
    tested = succeeds(run_tool(TOOLS / 'test.py', SMALL, work / 'epoch_1.pth', '--dump', work / 'stock.pkl', *given))
    assert 'acc/top1' in tested
    succeeds(run_tool('tools/test.py', SMALL, work / 'epoch_1.pth', '--dump', work / 'ours.pkl', *given))
    stock, ours = read_dump(work / 'stock.pkl'), read_dump(work / 'ours.pkl')
    assert (stock.scores == ours.scores).all() and stock.names == ours.names == ['S001C002', 'S001C003']
    done = run_tool('tools/test.py', SMALL, work / 'epoch_1.pth', *given, 'feats=b')
    assert done.returncode == 1 and 'epoch_1.pth: features: trained on j' in done.stdout.splitlines()[-1]


@pytest.mark.parametrize('name, dims', [('stgcn', 2), ('stgcnpp', 3)])
def test_checkpoints_of_mmaction_are_tested_unchanged(name, dims, tmp_path, run_tool, options):
    file = f'{name}/{name}_8xb16-joint-u100-80e_ntu60-xsub-keypoint-{dims}d.py'
    stock_config, own_config, work = STOCK / file, ROOT / 'configs' / file, tmp_path / 'work'
    given = ['--work-dir', work, '--cfg-options', *options(own_config)]
    succeeds(run_tool(TOOLS / 'train.py', stock_config, *given))
    dumps = []
    for tool, config in ((TOOLS / 'test.py', stock_config), ('tools/test.py', stock_config),
                         ('tools/test.py', own_config)):
        dumps.append(work / f'{len(dumps)}.pkl')
        succeeds(run_tool(tool, config, work / 'epoch_1.pth', '--dump', dumps[-1], *given))
    stock, *ours = map(read_dump, dumps)
    assert stock.scores.std() > 0 and all((dump.scores == stock.scores).all() for dump in ours)
