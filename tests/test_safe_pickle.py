import collections
import os
import pickle
import tracemalloc

import numpy as np
import pytest

from dynstg_mm.files import dump_pickle
from dynstg_mm.safe_pickle import load_pickle


class Hostile:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize('wrap', [lambda x: x, lambda x: {'annotations': [x]}, lambda x: np.array([x, 1], object)])
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
                c=np.array(['p', 'q']), d=np.arange(3, dtype=np.float16), e=frozenset([1]),
                f=np.arange(6, dtype='>i4').reshape(2, 3).T, g=np.zeros((2, 0)), h=np.array('x'))
    path = tmp_path / 'data.pkl'
    path.write_bytes(pickle.dumps(data, protocol=protocol))
    back = load_pickle(path)
    assert back['b'] == data['b'] and back['e'] == data['e']
    for key in 'acdfgh':
        assert back[key].dtype == data[key].dtype.newbyteorder('=') and (back[key] == data[key]).all()


def call(module, name, arguments, then=b''):
    """A pickle that calls a function; `arguments` and `then` are pickle instructions."""
    return b'\x80\x04c' + f'{module}\n{name}\n'.encode() + arguments + b'R' + then + b'.'


LONG = b'\x8a\x06' + (10**12).to_bytes(6, 'little')
RANGE = b'cbuiltins\nrange\n' + LONG + b'\x85R'
FLOATS = b'cnumpy\ndtype\n\x8c\x02f4\x85R'
EMPTY = b'cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R'


@pytest.mark.parametrize('content', [
    call('builtins', 'bytearray', LONG + b'\x85'),
    call('builtins', 'bytearray', RANGE + b'\x85'),
    call('builtins', 'set', RANGE + b'\x85'),
    call('builtins', 'frozenset', RANGE + b'\x85'),
    call('collections', 'OrderedDict', RANGE + b'\x85'),
    call('numpy', 'ndarray', LONG + b'\x85\x85'),
    call('numpy', 'zeros', LONG + b'\x85'),
    call('numpy', 'dtype', b'\x8c\x0e1000000000000i\x85'),
    call('numpy.core.multiarray', '_reconstruct', b'cnumpy\nndarray\n' + LONG + b'\x85C\x01b\x87'),
    call('_codecs', 'encode', b'\x8c\x01a\x8c\x05idna!\x86'),
    b'\x80\x04cbuiltins\nfrozenset\n' + RANGE + b'\x85\x81.',  # NEWOBJ
    b'\x80\x04(cbuiltins\nset\n' + RANGE + b'o.',  # OBJ
    b'\x80\x04' + EMPTY + b'(K\x01' + LONG + b'\x85' + FLOATS + b'\x89C\x04\x00\x00\x00\x00tb.',
    b'\x80\x04' + EMPTY + b'(K\x01' + LONG + b'\x85cnumpy\ndtype\n\x8c\x02O8\x85R\x89]Natb.',  # crashes plain numpy
    b'\x80\x04' + EMPTY + b'.',
    b'\x80\x04Nr\xff\xff\xff\x0f.',  # the memo's last place
    b'Np268435455\n.',
    b'\x80\x05\x96' + (2**33).to_bytes(8, 'little') + b'.',
    b'\x80\x04\x95' + (2**60).to_bytes(8, 'little') + b'.',
    b'\x80\x04' + b']' * 10**4 + b'a' * (10**4 - 1) + b'.',
    b'\x80\x04' + b']' * 60 + b'a' * 59 + b'.',
    b'\x80\x04K\x01Q.',  # a persistent id
    b'Pname\n.',
    b'\x80\x02\x82\x01.',  # the extension registry
    b'\x80\x04' + FLOATS + b'(K\x03\x8c\x01<N\x8c\x01a\x85}K\x04K\x01K\x00tb.',  # a dtype with fields
    b'\x80\x04' + FLOATS + b'}\x8c\x05plainK\x01sb.',
    b'\x80\x04cbuiltins\nset\nN}\x8c\x08__code__K\x01s\x86b.',  # attributes of what reads a set
    b'\x80\x04\x8c\x0bcollections\x8c\x0bOrderedDict\x93)R}\x8c\x03getK\x01sb.',  # attributes of a dict
])
def test_bombs_are_refused_and_eat_no_memory(tmp_path, content):
    path = tmp_path / 'bomb.pkl'
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(pickle.UnpicklingError, match='bomb.pkl: '):
            load_pickle(path)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    path.write_bytes(pickle.dumps({1, 2}))
    assert load_pickle(path) == {1, 2}  # nothing stays behind


def test_shared_and_nested_values_stay_what_they_were(tmp_path):
    shared = np.arange(3.)
    loop = [shared]
    loop.append(loop)
    data = dict(a=shared, b=(shared, [shared]), loop=loop, order=collections.OrderedDict(x=shared),
                type=np.dtype('>f4'), split=collections.defaultdict(list, train=['a']),
                any=np.array([[shared, 'x']], dtype=object))
    path = tmp_path / 'data.pkl'
    dump_pickle(data, path)
    back = load_pickle(path)
    assert back['a'] is back['b'][0] is back['b'][1][0] is back['loop'][0] is back['order']['x'] is back['any'][0, 0]
    assert back['loop'][1] is back['loop'] and back['type'] == np.dtype('>f4') and back['any'].shape == (1, 2)
    assert back['split'] == dict(train=['a']) and type(back['order']) is dict


def test_file_of_numpy_1_is_read(tmp_path):
    path = tmp_path / 'old.pkl'
    content = pickle.dumps(np.arange(4), protocol=2)
    path.write_bytes(content.replace(b'numpy._core.multiarray', b'numpy.core.multiarray'))
    assert (load_pickle(path) == np.arange(4)).all()


def test_damaged_and_missing_files_are_named(tmp_path):
    whole = pickle.dumps(dict(a=np.zeros(1000)))
    for content in (whole[:200], b'', b'no pickle at all', b'clip,subject,label\n1,2,3\n'):
        path = tmp_path / 'damaged.pkl'
        path.write_bytes(content)
        with pytest.raises(pickle.UnpicklingError, match='damaged.pkl: not a complete pickle'):
            load_pickle(path)
    path.write_bytes(b'')
    with pytest.raises(pickle.UnpicklingError, match='EOFError: it is empty'):
        load_pickle(path)
    with pytest.raises(IsADirectoryError, match='a folder'):
        load_pickle(tmp_path)
    with pytest.raises(FileNotFoundError, match='nowhere.pkl'):
        load_pickle(tmp_path / 'nowhere.pkl')
