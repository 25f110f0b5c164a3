"""A page is one file without network, holds the walk as it was, and says what the answer says."""
import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from dynstg_mm.datasets.synthetic_gait import capture, draw_walker, film, walk
from dynstg_mm.inference import Answer, WindowAnswer
from dynstg_mm.inference.explain import BODY, Explanation
from dynstg_mm.inference.page import index_row, write_index, write_page
from dynstg_mm.inference.strikes import phase_beyond
from dynstg_mm.inference.training_record import TrainingRecord
from dynstg_mm.skeletons import LAYOUTS


class Page(HTMLParser):
    """The text, the tags and the data of a page."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.words, self.inside, self.data, self.addresses = [], [], [], {}, []
        self.size = path.stat().st_size
        self.feed(path.read_text())
        self.text = ' '.join(self.words)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside.append((tag, dict(attrs)))
        self.addresses += [value for name, value in attrs if name in ('src', 'href')]

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop()[0] != tag:
            pass

    def handle_data(self, data):
        tag, attrs = self.inside[-1] if self.inside else ('', {})
        if attrs.get('id') == 'data':
            self.data = json.loads(data)
        elif tag not in ('script', 'style'):
            self.words.append(' '.join(data.split()))

    def walk(self):
        """The keypoints (T, V, C) and the lost joints (T, V) in the page."""
        skeleton = self.data['skeleton']
        shape = skeleton['frames'], skeleton['joints'], -1
        lost = np.frombuffer(base64.b64decode(skeleton['lost']), np.uint8).reshape(shape[0], -1)
        return (np.frombuffer(base64.b64decode(skeleton['keypoint']), '<i2').reshape(shape),
                np.unpackbits(lost, axis=1, bitorder='little')[:, :shape[1]].astype(bool))


def an_answer(name='walk', **changes):
    answer = Answer(name, 'koa-nm', ['KOA', 'NM'], [0.83, 0.17], [0.83, 0.17], 'KOA', duration=4., rate=30., frames=120)
    answer.windows = [WindowAnswer(0., 2.56, [0.8, 0.2]), WindowAnswer(0.5, 3.06, [0.86, 0.14])]
    answer.command = 'predict a&b'
    for field, value in changes.items():
        setattr(answer, field, value)
    return answer


def an_explanation(better=True):
    limbs = [*LAYOUTS['body_25']['limbs'], BODY]
    effect = np.zeros((len(limbs), 8))
    effect[limbs.index('right_leg'), 5] = 0.31
    sides = [name.partition('_')[0] if '_' in name else '' for name in limbs]
    return Explanation(0, 0.83, limbs, sides, 'stride', effect.tolist(), effect.sum(1).tolist(),
                       list(LAYOUTS['body_25']['joints']), [0.] * 25, [0.83, 0.1 if better else 0.8, 0.5],
                       [[0.83, 0.7, 0.5]] * 10, dict(left=[0.5, 1.6], right=[1.1, 2.2]),
                       {'0': np.full((20, 4), 0.25).tolist()}, 'left')


@pytest.fixture(scope='module')
def filmed():
    rng = np.random.default_rng(0)
    keypoint, score = film(walk(draw_walker('osteoarthritis', rng), 4, rng), 30, rng)
    return dict(frame_dir='walk', keypoint=keypoint[None], keypoint_score=score[None], rate=30., layout='body_25')


def made(path, *arguments, **options):
    write_page(*arguments[:3], path, *arguments[3:], **options)
    return Page(path)


def test_a_page_holds_the_walk_and_its_lost_joints(filmed, tmp_path):
    page = made(tmp_path / 'walk.html', an_answer(), filmed, an_explanation())
    keypoint, lost = page.walk()
    seen = filmed['keypoint_score'][0] > 0
    assert (lost == ~seen).all() and lost.any()
    for axis, sign in ((0, 1), (1, -1)):  # y points up in the page
        given, shown = sign * filmed['keypoint'][0, ..., axis][seen], keypoint[..., axis][seen]
        slope, start = np.polyfit(given, shown, 1)
        np.testing.assert_allclose(slope * given + start, shown, atol=1)
        assert slope > 50  # a fiftieth of a pixel
    assert not page.addresses
    assert any('default-src \'none\'' in attrs.get('content', '') for _, attrs in page.tags)


@pytest.mark.parametrize('rate', [30, 60])
@pytest.mark.parametrize('layout', ['body_25', 'msnd'])
def test_a_minute_of_walking_takes_less_than_a_megabyte(rate, layout, tmp_path):
    rng = np.random.default_rng(0)
    joints = walk(draw_walker('normal', rng), 60, rng)
    keypoint, score = capture(joints, rng) if layout == 'msnd' else film(joints, rate, rng)
    clip = dict(keypoint=keypoint[None], keypoint_score=score[None], rate=float(rate), layout=layout)
    answer = an_answer(windows=[WindowAnswer(k / 2, k / 2 + 2.56, [0.5, 0.5]) for k in range(115)])
    page = made(tmp_path / 'walk.html', answer, clip, an_explanation())
    assert page.size < 1e6
    assert len(page.walk()[0]) == len(keypoint)


def test_an_hour_is_shown_at_a_lower_rate(tmp_path):
    rng = np.random.default_rng(0)
    keypoint = np.tile(film(walk(draw_walker('normal', rng), 10, rng), 30, rng)[0], (30, 1, 1))
    page = made(tmp_path / 'walk.html', an_answer(), dict(keypoint=keypoint[None], rate=30., layout='body_25'), None)
    assert page.size < 1e6
    skeleton = page.data['skeleton']
    assert skeleton['frames'] / skeleton['rate'] == pytest.approx(300, abs=0.5)


def test_text_of_the_user_stays_text(filmed, tmp_path):
    evil = '</script><script>alert(1)</script>'
    answer = an_answer(evil, classes=[evil, 'NM'], predicted=evil, command=evil, file=evil, estimator=evil)
    answer.add_doubt('view', 'doubt', evil)
    plain = made(tmp_path / 'plain.html', an_answer(), filmed, an_explanation())
    page = made(tmp_path / 'evil.html', answer, filmed, an_explanation())
    assert [tag for tag, _ in page.tags].count('script') == [tag for tag, _ in plain.tags].count('script')
    assert page.text.count(evil) >= 6
    write_index([index_row(answer, 'visualizations/<script>.html')], 'koa-nm', tmp_path / 'index.html')
    index = Page(tmp_path / 'index.html')
    assert [tag for tag, _ in index.tags].count('script') == 1
    assert evil in index.text and index.addresses == ['visualizations/%3Cscript%3E.html']


def test_the_verdict_names_the_class_and_its_doubts(filmed, tmp_path):
    answer = an_answer(calibrated=True, prediction_set=['KOA', 'NM'], coverage=0.9)
    answer.add_doubt('too_short', 'doubt', 'The walk lasts 2 s.')
    record = TrainingRecord(people=dict(KOA=50, NM=30), dataset='KOA-NM', estimator='OpenPose')
    text = made(tmp_path / 'walk.html', answer, filmed, None, record).text
    for part in ('83 % for KOA', 'The walk lasts 2 s.', 'walks like those of the training', 'KOA or NM',
                 '80 people (50 KOA and 30 NM)', 'no diagnosis'):
        assert part in text


@pytest.mark.parametrize('control, told', [(0.85, True), (0.6, False)])  # the model's interval begins at 0.9
def test_the_verdict_says_what_metadata_alone_reach(filmed, tmp_path, control, told):
    model, metadata = [0.94, 0.9, 1], [control, control - 0.1, control + 0.1]
    figures = dict(scores=dict(accuracy=model, macro_f1=model),
                   controls={'metadata only': dict(accuracy=metadata, macro_f1=metadata)})
    record = TrainingRecord(people=dict(KOA=50, NM=30), figures=figures)
    text = made(tmp_path / 'walk.html', an_answer(), filmed, None, record).text
    assert '94 %' in text and f'{100 * control:.0f} %' in text
    assert ('how they were filmed' in text) is told


def test_after_a_refusal_or_an_error_no_class_is_named(filmed, tmp_path):
    answer = an_answer()
    answer.add_doubt('not_walking', 'refusal', 'Nobody walks.')
    refused = made(tmp_path / 'refused.html', answer, filmed, None).text
    assert 'Nobody walks.' in refused and 'gives a probability of' not in refused
    failed = made(tmp_path / 'failed.html', Answer('dog', 'koa-nm', ['KOA', 'NM'], error='No person.'), None, None)
    assert 'No person' in failed.text and not failed.data


@pytest.mark.parametrize('better', [True, False])
def test_a_map_that_fails_its_test_is_called_so(better, filmed, tmp_path):
    text = made(tmp_path / 'walk.html', an_answer(), filmed, an_explanation(better)).text
    assert ('do not rely' in text) is not better
    assert f'in {10 if better else 0} of 10 random orders' in text
    assert '+31' in text and 'right leg' in text


def test_gait_parameters_are_beside_the_groups_of_the_same_unit(filmed, tmp_path):
    rows = [dict(name=name, label=name, unit=unit, value=value, left=left, right=left, digits=1, reason=reason)
            for name, unit, value, left, reason in (('cadence', 'steps/min', 104.25, np.nan, ''),
                                                    ('speed', 'm/s', 1.2, np.nan, ''),
                                                    ('width', 'm', np.nan, np.nan, 'not seen from the side'))]
    part = dict(zip(('p5', 'p25', 'median', 'p75', 'p95'), (90, 100, 105, 110, 120)), people=20)
    record = TrainingRecord(gait_reference=dict(KOA=dict(cadence=dict(part, unit='steps/min'),
                                                         speed=dict(part, unit='leg lengths/s'))))
    page = made(tmp_path / 'walk.html', an_answer(gait=rows), filmed, None, record)
    bars = [attrs for tag, attrs in page.tags if attrs.get('class') == 'range']
    assert len(bars) == 1 and '100.0 to 110.0' in bars[0]['aria-label']
    assert '104.2' in page.text and 'not seen from the side' in page.text


def test_a_walk_along_the_depth_axis_faces_right_from_the_side(tmp_path):
    rng = np.random.default_rng(0)
    keypoint, score = capture(walk(draw_walker('normal', rng), 4, rng), rng)
    for up, turn in (('y', [[0, 0, -1], [0, 1, 0], [1, 0, 0]]), ('z', [[0, 0, 1], [1, 0, 0], [0, 1, 0]])):
        turned = keypoint @ np.array(turn, float).T
        assert np.linalg.det(turn) == pytest.approx(1)
        clip = dict(keypoint=turned[None], keypoint_score=score[None], rate=60., layout='msnd')
        page = made(tmp_path / 'walk.html', an_answer(), clip, None, up=up)
        place, angle = page.walk()[0].astype(float), page.data['skeleton']['heading']
        ahead = np.cos(angle) * place[..., 0] + np.sin(angle) * place[..., 2]
        near = -np.sin(angle) * place[..., 0] + np.cos(angle) * place[..., 2]
        joints = LAYOUTS['msnd']['joints']
        assert np.ptp(ahead[:, 0]) == pytest.approx(ahead[-1, 0] - ahead[0, 0], rel=0.05)
        assert (place[:, joints.index('head_top'), 1] > place[:, joints.index('left_ankle'), 1]).all()
        assert (near[:, joints.index('right_hip')] > near[:, joints.index('left_hip')]).all()  # right is nearer


def test_what_was_decided_while_reading_is_listed(filmed, tmp_path):
    text = made(tmp_path / 'walk.html', an_answer(notes=['z is up']), filmed, None).text
    assert 'z is up' in text


def test_the_map_marks_the_phase_of_each_frame(filmed, tmp_path):
    """The column is that of the phase of the stride, by the strikes of the same side."""
    columns = made(tmp_path / 'walk.html', an_answer(), filmed, an_explanation()).data['columns']
    seconds = np.arange(len(columns['left'])) / 30
    phase = phase_beyond(seconds, [0.5, 1.6])
    assert set(columns) == {'left', 'right', ''} and columns[''] == columns['left'] != columns['right']
    assert columns['left'] == [-1 if np.isnan(place) else int(8 * place) for place in phase]
    still = an_explanation()
    still.by, still.span = 'time', (0., 4.)
    columns = made(tmp_path / 'still.html', an_answer(), filmed, still).data['columns']
    assert columns['right'] == (seconds / 4 * 8).astype(int).tolist()


@pytest.mark.parametrize('leg, told', [
    ('left', ['stride of the left leg']), ('right', ['stride of the right leg', 'mirrored']),
    ('both', ['leg that the network sees as the left one', 'mirrored'])])
def test_the_movement_phases_say_whose_stride_it_is(leg, told, filmed, tmp_path):
    explanation = an_explanation()
    explanation.leg = leg
    page = made(tmp_path / 'walk.html', an_answer(), filmed, explanation)
    assert all(part in page.text for part in told) and ('mirrored' in page.text) is (leg != 'left')


def test_shared_phases_are_one_picture_and_others_one_each(filmed, tmp_path):
    explanation = an_explanation()
    share = (np.arange(20) + 0.5) / 20
    explanation.phases = {'0': np.stack([share, 1 - share], 1).tolist()}
    page = made(tmp_path / 'one.html', an_answer(), filmed, explanation)
    first, second = (attrs['points'].split() for tag, attrs in page.tags if tag == 'polygon')
    assert 'All its layers share them' in page.text and 'layer 0' not in page.text
    assert {'0.0,50.0', '2.5,97.5', '97.5,2.5', '100.0,50.0'} < set(first)  # the stride is a cycle
    assert second[:22] == first[:21:-1]  # its lower edge is the upper edge of the first
    explanation.phases['3'] = np.ones((20, 3)).tolist()
    page = made(tmp_path / 'several.html', an_answer(), filmed, explanation)
    assert 'layer 0' in page.text and 'layer 3' in page.text and 'All its layers' not in page.text
    assert [tag for tag, _ in page.tags].count('polygon') == 5
    explanation.phases = {}
    assert 'phases that' not in made(tmp_path / 'none.html', an_answer(), filmed, explanation).text


def test_the_index_has_a_row_for_each_answer(tmp_path):
    answers = [an_answer('a'), an_answer('b', predicted=None), Answer('c', 'koa-nm', ['KOA', 'NM'], error='Empty.')]
    rows = map(index_row, answers, ['visualizations/a.html', None, None])
    write_index(list(rows), 'koa-nm', tmp_path / 'index.html')
    page = Page(tmp_path / 'index.html')
    assert [tag for tag, _ in page.tags].count('tr') == 4
    assert page.addresses == ['visualizations/a.html']
    assert 'Empty.' in page.text and page.text.count('no answer') == 2
    assert len(re.findall('aria-sort', (tmp_path / 'index.html').read_text().partition('<script>')[0])) >= 6
