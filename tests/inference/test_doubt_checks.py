"""How often recordings are doubted."""
import json

import pytest

from dynstg_mm.commands.check_doubts import check, main, parse_args
from dynstg_mm.errors import ConfigError
from dynstg_mm.files import dump_pickle
from dynstg_mm.inference.doubt_checks import FLAT, SPATIAL, changed, doubts_of

EXPECTED = {
    'one pose (standing)': 'not_walking', 'joints anywhere': 'not_upright',
    'a horizontal trunk, as of a dog': 'not_upright', 'upside down': 'not_upright', 'x and y swapped': 'not_upright',
    'played backwards': 'backwards', 'there and back every 2 s': 'turning', 'half of the legs lost': 'joints_lost',
    '10 frames a second': 'low_rate', 'a fifteenth of the size': 'small_body', '2 s long': 'too_short',
    'shares of the picture': 'aspect'}


@pytest.fixture
def clips(sample):
    return [dict(clip, layout='body_25') for clip in sample['annotations'][:2]]


def test_changed_walks_are_doubted(clips):
    assert set(EXPECTED) == set(FLAT) and all(doubts_of(clip) == {} for clip in clips)
    for name, some in changed(clips):
        for clip in some:
            assert EXPECTED[name] in doubts_of(clip), name
    assert 'rate' in clips[0] and all(doubts_of(clip) == {} for clip in clips)  # the clips are unchanged


def test_pictures_of_a_walk_in_space():
    from dynstg_mm.datasets.synthetic_gait import synthetic_gait
    clips = [dict(clip, layout='msnd') for clip in synthetic_gait(1, 1, layout='msnd')['annotations'][:1]]
    found = {name: [doubts_of(clip) for clip in some] for name, some in changed(clips)}
    assert set(found) == set(SPATIAL)
    assert found['picture 0° from the side'] == [{}] and found['picture 90° from the side'] == [{'view': 'refusal'}]


def test_command(clips, tmp_path):
    file, out = tmp_path / 'walks.pkl', tmp_path / 'doubts.json'
    dump_pickle(dict(annotations=clips[:1], split={}, layout='body_25'), file)
    assert main([f'some walks={file}', '--out', str(out)]) == 0
    row, = json.loads(out.read_text())['rows']
    assert row == dict(recordings='some walks', count=1, refused=0, doubted=0, codes={})
    with pytest.raises(ConfigError, match='NAME=FILE'):
        check(parse_args(['walks.pkl', '--out', str(out)]))
