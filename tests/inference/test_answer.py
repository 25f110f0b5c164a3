"""An answer survives its JSON file, and a wrong file is refused by field."""
import numpy as np
import pytest

from dynstg_mm.errors import DataError
from dynstg_mm.inference import Answer, Doubt, WindowAnswer


def an_answer():
    answer = Answer('walk', 'koa-nm', ['KOA', 'NM'], [0.2, 0.8], [0.3, 0.7], 'NM', duration=4.0, rate=25.0, frames=100)
    answer.windows.append(WindowAnswer(0.0, 2.56, [0.3, 0.7]))
    answer.add_doubt('low_rate', 'doubt', 'The frame rate is low.', 10, 20)
    return answer


def test_an_answer_is_the_same_after_its_file(tmp_path):
    answer = an_answer()
    answer.write(tmp_path / 'walk.json')
    assert Answer.read(tmp_path / 'walk.json') == answer
    assert answer.doubts == [Doubt('low_rate', 'doubt', 'The frame rate is low.', 10, 20)]


def test_numbers_of_numpy_become_plain_and_nan_becomes_null():
    answer = an_answer()
    answer.lost = float('nan')
    answer.gait = [dict(name='cadence', value=np.float32(2), track=np.ones(2))]
    content = answer.to_json()
    assert content['lost'] is None
    assert content['gait'] == [dict(name='cadence', value=2.0, track=[1.0, 1.0])]


def test_after_a_refusal_no_class_is_named():
    answer = an_answer()
    assert answer.predicted == 'NM'
    answer.add_doubt('not_walking', 'refusal', 'Nobody walks.')
    assert answer.predicted is None


@pytest.mark.parametrize('field, value', [('scores', 'high'), ('format', 'other 1'), ('doubts', [dict(code='x')])])
def test_a_wrong_field_is_named(field, value):
    with pytest.raises(DataError, match=field):
        Answer.from_json(dict(an_answer().to_json(), **{field: value}))
