import os
import pickle
import socket
import subprocess

import numpy as np
import pytest

from dynstg_mm.fileio import atomic_open, dump_pickle, load_pickle


class Hostile:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize('wrap', [lambda x: x, lambda x: {'annotations': [x]}, lambda x: np.array([x, 1], dtype=object)])
def test_hostile_pickle_is_refused_and_not_executed(tmp_path, protocol, wrap):
    touched = tmp_path / 'touched'
    for hostile in (Hostile(os.system, f'touch {touched}'), Hostile(eval, f'open({str(touched)!r}, "w")'),
                    Hostile(getattr, 'text', 'upper')):
        path = tmp_path / 'hostile.pkl'
        path.write_bytes(pickle.dumps(wrap(hostile), protocol=protocol))
        with pytest.raises(pickle.UnpicklingError, match='hostile.pkl: refused'):
            load_pickle(path)
        assert not touched.exists()


@pytest.mark.parametrize('protocol', range(6))
def test_arrays_and_plain_containers_come_back(tmp_path, protocol):
    data = dict(a=np.arange(6.).reshape(2, 3), b=[np.float32(1), {1, 2}, ('x', b'y', None)],
                c=np.array(['p', 'q']), d=np.arange(3, dtype=np.float16), e=frozenset([1]))
    path = tmp_path / 'data.pkl'
    path.write_bytes(pickle.dumps(data, protocol=protocol))
    back = load_pickle(path)
    assert back['b'] == data['b'] and back['e'] == data['e']
    for key in 'acd':
        assert back[key].dtype == data[key].dtype and (back[key] == data[key]).all()


def test_file_of_numpy_1_is_read(tmp_path):
    path = tmp_path / 'old.pkl'
    content = pickle.dumps(np.arange(4), protocol=2)
    path.write_bytes(content.replace(b'numpy._core.multiarray', b'numpy.core.multiarray'))
    assert (load_pickle(path) == np.arange(4)).all()


def test_damaged_and_missing_files_are_named(tmp_path):
    whole = pickle.dumps(dict(a=np.zeros(1000)))
    for content in (whole[:200], b'', b'no pickle at all'):
        path = tmp_path / 'damaged.pkl'
        path.write_bytes(content)
        with pytest.raises(pickle.UnpicklingError, match='damaged.pkl: not a complete pickle'):
            load_pickle(path)
    with pytest.raises(FileNotFoundError, match='nowhere.pkl'):
        load_pickle(tmp_path / 'nowhere.pkl')


def test_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'out.pkl'
    dump_pickle([1], path)
    with pytest.raises(RuntimeError):
        with atomic_open(path, 'wb') as file:
            file.write(b'half')
            raise RuntimeError
    assert load_pickle(path) == [1]
    assert [entry.name for entry in tmp_path.iterdir()] == ['out.pkl']


def test_two_processes_write_the_same_file_and_a_dead_one_is_cleared_away(tmp_path):
    path = tmp_path / 'out.txt'
    dead = subprocess.Popen(['true'])
    dead.wait()
    (tmp_path / f'.out.txt.{socket.gethostname()}.{dead.pid}.part').write_text('half')
    (tmp_path / f'.out.txt.{socket.gethostname()}.1.part').write_text('process 1 is alive')
    with atomic_open(path) as file:
        file.write('whole')
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [f'.out.txt.{socket.gethostname()}.1.part', 'out.txt']
