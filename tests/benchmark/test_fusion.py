"""Fusion of dumped predictions."""
import os
import pickle

import mmengine
import numpy as np
import pytest
import torch
from mmaction.evaluation import get_weighted_score, mean_class_accuracy, top_k_accuracy

from dynstg_mm.benchmark.fusion import accuracies, fuse, read_dump
from dynstg_mm.commands.fuse import main
from dynstg_mm.errors import DataError, ResultsError
from dynstg_mm.safe_pickle import load_pickle


@pytest.fixture
def dump(tmp_path):
    """Write predictions as MMEngine's DumpResults does."""

    def write(name, seed=0, clips=40, classes=7, named=True, labels=None):
        rng = torch.Generator().manual_seed(seed)
        labels = torch.arange(clips) % classes if labels is None else labels
        samples = []
        for index in range(clips):
            scores = torch.rand(classes, generator=rng)
            scores[labels[index]] += 0.4
            sample = dict(gt_label=labels[index:index + 1], pred_score=scores.softmax(0),
                          pred_label=scores.argmax(0, keepdim=True))
            samples.append(dict(sample, frame_dir=f'c{index}') if named else sample)
        mmengine.dump(samples, tmp_path / name)
        return str(tmp_path / name)

    return write


def test_fusion_is_that_of_mmaction(dump, capsys):
    paths = [dump(f'{name}.pkl', seed, named=seed != 2) for seed, name in enumerate(['j', 'b', 'jm', 'bm'])]
    stock = [[sample['pred_score'].numpy() for sample in mmengine.load(path)] for path in paths]
    labels = [sample['gt_label'].item() for sample in mmengine.load(paths[0])]
    for options, weights in ([], [2, 2, 1, 1]), (['--weights', '1', '0', '3', '.5'], [1, 0, 3, .5]):
        expected = get_weighted_score(stock, weights)
        fused = fuse({path: read_dump(path) for path in paths}, weights)
        np.testing.assert_allclose(fused * sum(weights), expected, rtol=1e-6)
        numbers = [*top_k_accuracy(expected, labels, (1, 5)), mean_class_accuracy(expected, labels)]
        assert accuracies(fused, np.array(labels)) == numbers
        assert main([*paths, *options]) == 0
        cells = capsys.readouterr().out.splitlines()[-1].split('|')
        assert [float(cell) for cell in cells[3:6]] == pytest.approx([100 * value for value in numbers], abs=0.005)
    assert main(paths[:2]) == 0 and '| 1 ' in capsys.readouterr().out


@pytest.mark.parametrize('other, field', [
    (dict(clips=39), '39 clips'), (dict(classes=6), '6 classes'), (dict(labels=torch.zeros(40).long()), 'sample 1'),
    (dict(seed=3), None)])
def test_dumps_of_other_tests_are_refused(dump, other, field):
    paths = [dump('a.pkl'), dump('b.pkl', **other)]
    dumps = {path: read_dump(path) for path in paths}
    if field is None:
        dumps[paths[1]].names[5] = 'other'
    with pytest.raises(ResultsError, match=f'b.pkl: {field or "sample 5"}'):
        fuse(dumps, [1, 1])


@pytest.mark.parametrize('content, field', [
    ([], 'expected the list'), ({'a': 1}, 'expected the list'), ([dict(pred_score=[1., 2.])], 'gt_label'),
    ([dict(gt_label=1)], 'pred_score'), ([1], 'pred_score'), ([dict(gt_label=5, pred_score=[.5, .5])], 'gt_label: 5'),
    ([dict(gt_label=0, pred_score=[np.nan, .5])], 'pred_score'), ([dict(gt_label=[0, 1], pred_score=[.5, .5])], '')])
def test_other_files_are_named(content, field, tmp_path):
    (tmp_path / 'x.pkl').write_bytes(pickle.dumps(content))
    with pytest.raises(ResultsError, match=f'x.pkl: .*{field}'):
        read_dump(tmp_path / 'x.pkl')


@pytest.mark.parametrize('options, field', [
    ('a.pkl', 'dumps: a.pkl'), ('a.pkl a.pkl', 'dumps: '), ('a.pkl b.pkl --weights 1', '--weights: 1;'),
    ('a.pkl b.pkl --weights 0 0', '--weights: '), ('a.pkl b.pkl --weights -1 2', '--weights: '),
    ('a.pkl b.pkl', 'a.pkl: no such file')])
def test_wrong_option_is_named(options, field):
    with pytest.raises(SystemExit, match=f'error: {field}'):
        main(options.split())


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_nothing_in_a_dump_is_executed(tmp_path):
    path, touched = tmp_path / 'hostile.pkl', tmp_path / 'touched'
    hostile = Call(os.system, f'touch {touched}')
    storage = torch.zeros(3).storage()
    rebuild = torch._utils._rebuild_tensor_v2
    for content in (hostile, Call(torch.storage._load_from_bytes, pickle.dumps(hostile)),
                    Call(rebuild, hostile, 0, (1, ), (1, ), False, {}),
                    Call(rebuild, storage, 0, (10**10, ), (0, ), False, {}),
                    Call(rebuild, storage, 2, (3, ), (1, ), False, {}),
                    Call(rebuild, storage, 0, (-1, -1), (1, 1), False, {}),
                    Call(rebuild, [], 0, (1, ), (1, ), False, {})):
        path.write_bytes(pickle.dumps([content]))
        with pytest.raises(DataError, match='hostile.pkl: '):
            load_pickle(path, tensors=True)
    path.write_bytes(pickle.dumps(torch.zeros(3)))
    with pytest.raises(DataError, match='refused'):
        load_pickle(path)
    assert not touched.exists()
