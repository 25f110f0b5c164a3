import io

import numpy as np
import pytest
import torch

from dynstg_mm.errors import ConfigError
from dynstg_mm.inference.calibration import Calibration
from dynstg_mm.inference.conformal import Conformal
from dynstg_mm.inference.training_record import FIELD, TrainingRecord
from dynstg_mm.inference.unlike import Space, Unlike


@pytest.fixture
def record():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1], 20)
    known = rng.normal(size=(20, 4))
    unlike = Unlike.fit(known, Space.fit(known).distance(known), range(20), names=list('abcd'))
    return TrainingRecord(
        Calibration(1.5), Conformal.fit(probabilities, [0, 1] * 10, range(20)), unlike, unlike,
        dict(NM=dict(cadence=dict(unit='1/min', median=110., people=20))), 'OpenPose', 'KOA-NM', dict(NM=10, KOA=10),
        dict(macro_f1=np.float64(0.9), torch=torch.__version__))


def saved(record):
    """What a checkpoint with the record holds, after it was saved and loaded."""
    buffer = io.BytesIO()
    torch.save(dict(state_dict={}, meta={FIELD: record.to_dict()}), buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def test_a_record_comes_back_from_a_checkpoint(record):
    again = TrainingRecord.of_checkpoint(saved(record), 'small.pth')
    scores = np.array([0.8, 0.2])
    assert again.calibration == record.calibration
    assert again.conformal.p_values(scores) == pytest.approx(record.conformal.p_values(scores))
    ours, theirs = (one.gait.score(dict(a=3., b=1.)) for one in (again, record))
    assert ours == pytest.approx(theirs, rel=1e-3)  # large tables are kept as float16
    assert (again.gait_reference, again.people, again.figures) == (record.gait_reference, record.people, record.figures)


def test_another_checkpoint_has_no_record():
    assert TrainingRecord.of_checkpoint(dict(state_dict={}, meta=dict(epoch=3)), 'x.pth') is None
    assert TrainingRecord.of_checkpoint({}, 'x.pth') is None


@pytest.mark.parametrize('field,value', [
    ('calibration', dict(temperature='hot')), ('calibration', dict(temperature=float('nan'))), ('calibration', {}),
    ('calibration', dict(temperature=1., shift=2.)), ('conformal', [1]), ('people', 3), ('unknown', 1)])
def test_a_damaged_record_is_named(record, field, value):
    content = dict(saved(record)['meta'][FIELD], **{field: value})
    with pytest.raises(ConfigError, match=rf'x\.pth: meta\.{FIELD}.*{field if field != "unknown" else "unknown"}'):
        TrainingRecord.from_dict(content, f'x.pth: meta.{FIELD}')
