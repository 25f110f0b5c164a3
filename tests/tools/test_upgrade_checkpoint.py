"""A checkpoint with the parameter names of dynstg_mm 0.1 is renamed, and nothing else is accepted or half written."""
import pickle

import pytest
import torch
from mmaction.registry import MODELS

from dynstg_mm.commands.upgrade_checkpoint import main
from dynstg_mm.layers.stg_mamba import RENAMED

MODEL = dict(type='DynSTGMamba', graph_cfg=dict(layout='coco'), base_channels=(8, 8), depths=(1, 1))
OLD_NAMES = {new: old for old, new in RENAMED.items()}


def old_name(name):
    return next((name.removesuffix(new) + old for new, old in OLD_NAMES.items() if name.endswith(f'.{new}')), name)


@pytest.fixture
def old(tmp_path):
    weights = {old_name(name): value for name, value in MODELS.build(MODEL).state_dict().items()}
    torch.save(dict(state_dict=weights, meta=dict(epoch=3), optimizer=dict(state={})), tmp_path / 'old.pth')
    return tmp_path / 'old.pth'


def test_parameters_are_renamed_and_all_else_is_kept(tmp_path, old, capsys):
    main([str(old), str(tmp_path / 'sub/new.pth')])
    assert '14 parameters' in capsys.readouterr().out  # 7 in each of two blocks
    before, after = torch.load(old), torch.load(tmp_path / 'sub/new.pth')
    assert after['meta'] == before['meta'] and after['optimizer'] == before['optimizer']
    assert all(torch.equal(*values) for values in zip(before['state_dict'].values(), after['state_dict'].values()))
    MODELS.build(MODEL).load_state_dict(after['state_dict'])
    with pytest.raises(SystemExit, match='nothing to convert'):
        main([str(tmp_path / 'sub/new.pth'), str(tmp_path / 'again.pth')])
    assert not (tmp_path / 'again.pth').exists()


class Hostile:

    def __reduce__(self):
        return open, ('executed', 'w')


@pytest.mark.parametrize('content', [Hostile(), dict(state_dict={'x': Hostile()}), [1, 2]])
def test_other_files_are_refused_and_nothing_is_executed(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    torch.save(content, 'bad.pth')
    with pytest.raises(SystemExit, match='^error: bad.pth'):
        main(['bad.pth', 'new.pth'])
    (tmp_path / 'plain.pth').write_bytes(pickle.dumps(content))
    with pytest.raises(SystemExit, match='^error: plain.pth'):
        main(['plain.pth', 'new.pth'])
    assert sorted(path.name for path in tmp_path.iterdir()) == ['bad.pth', 'plain.pth']
