"""An answer in plain words."""
from __future__ import annotations

from collections.abc import Sequence

from dynstg_mm.inference.answer import Answer
from dynstg_mm.inference.explain import BINS, BODY, Explanation
from dynstg_mm.inference.training_record import TrainingRecord

RESEARCH = 'This is a research tool. It makes no diagnosis.'
CLEAR = 0.05  # change of the probability from which a movement is named


def verdict(answer: Answer, record: TrainingRecord | None = None) -> list[str]:
    """The answer in a few sentences, the most important first.

    Args:
        answer: The answer.
        record: What the checkpoint says about its training.
    """
    if answer.error:
        return [f'No answer: {answer.error.rstrip(".")}.']
    shares = listed([f'{percent(share)} for {name}' for share, name in
                     sorted(zip(answer.probabilities, answer.classes), key=lambda pair: -pair[0])])
    if answer.predicted is None:
        return ['No answer: a check refuses this recording.',
                f'The model alone would give {shares}. Do not use these numbers.', *_training(record)]
    probability = answer.probabilities[answer.classes.index(answer.predicted)]
    serious = any(doubt.severity == 'doubt' for doubt in answer.doubts)
    first = f'The model gives a probability of {percent(probability)} for {answer.predicted}'
    sentences = [f'{first}{", but there is reason to doubt it" if serious else ""}.']
    if len(answer.classes) > 2:
        sentences.append(f'All classes: {shares}.')
    sentences += _scale(answer)
    if answer.calibrated:
        sentences.append('The probability is calibrated: among walks of people whom the model did not train on, it was '
                         'right about this often when it gave such a value.')
    else:
        sentences.append('The probability is not calibrated: nobody has checked how often the model is right when it '
                         'gives such a value.')
    sentences += _set(answer)
    if answer.calibrated and serious:
        sentences.append('This holds for walks like those of the training; the doubts below say why this one may be '
                         'different.')
    return [*sentences, *_training(record)]


def name_of(answer: Answer) -> str:
    """The recording, and which person in it unless it is the one whom it is about."""
    return answer.clip + (f', person {answer.person}' if answer.person else '')


def in_short(answer: Answer) -> str:
    """An answer in a line, for the terminal."""
    who = name_of(answer)
    if answer.predicted is None:
        return f'{who}: no answer'
    codes = dict.fromkeys(doubt.code for doubt in answer.doubts if doubt.severity == 'doubt')
    probability = answer.probabilities[answer.classes.index(answer.predicted)]
    scale = f'; expected grade {answer.scale["expected"]:.1f}' if answer.scale else ''
    short = f'{who}: {answer.predicted}, {percent(probability)}{scale}'
    return short + (f'; doubts: {", ".join(codes)}' if codes else '')


def _scale(answer: Answer) -> list[str]:
    """The grade that is expected on a scale, and the grades of the middle 90 %."""
    if not answer.scale:
        return []
    scale, first = answer.scale, answer.classes[0]
    counted = '' if first.replace('.', '').isdecimal() else f', if {first} is 0'
    ends = f'{scale["low"]} to {scale["high"]}' if scale['low'] != scale['high'] else f'{scale["low"]} alone'
    return [f'On the scale {scale["target"]}, the expected grade is {scale["expected"]:.1f}{counted}, and the median '
            f'grade {scale["median"]}. The middle 90 % of the probability covers {ends}.']


def _set(answer: Answer) -> list[str]:
    if answer.prediction_set is None or answer.coverage is None:
        return []
    begin = f'To include the true class for {percent(answer.coverage)} of such walks, the answer must be'
    if answer.predicted not in answer.prediction_set:
        return []  # a doubt says so
    if len(answer.prediction_set) == 1:
        return [f'{begin} {answer.prediction_set[0]} alone.']
    return [f'{begin} “{listed(answer.prediction_set, "or")}”: the model cannot decide between them.']


def _training(record: TrainingRecord | None) -> list[str]:
    if record is None or not record.people:
        return []
    people = listed([f'{count} {name}' for name, count in record.people.items()])
    where = f' of {record.dataset}' if record.dataset else ''
    seen = f', with keypoints by {record.estimator}' if record.estimator else ''
    return [f'The model was trained on {sum(record.people.values())} people ({people}){where}{seen}. Nobody knows how '
            'good it is for other groups of people, other disorders or other cameras.', *_controls(record)]


def _controls(record: TrainingRecord) -> list[str]:
    """How often it was right about people left out, beside a control that never sees the movement."""
    scores, control = record.figures.get('scores'), record.figures.get('controls', {}).get('metadata only')
    if not scores:
        return []
    sentence = f'It was right about {percent(scores["accuracy"][0])} of the people who were left out of its training.'
    if not control:
        return [sentence]
    sentence = (f'{sentence[:-1]}; a control that only sees frame rate, length, lost joints and image size, '
                f'about {percent(control["accuracy"][0])}.')
    if not record.metadata_keeps_up:
        return [sentence]
    return [f'{sentence} So these groups can also be told apart by how they were filmed.']


def percent(share: float) -> str:
    """A share for people; never 0 or 100 % unless it is exactly that."""
    if 0 < share < 0.005:
        return 'less than 1 %'
    if 0.995 <= share < 1:
        return 'more than 99 %'
    return f'{share:.0%}'.replace('%', ' %')


def listed(parts: Sequence[str], last: str = 'and') -> str:
    """`a, b and c`."""
    return f' {last} '.join(filter(None, (', '.join(parts[:-1]), parts[-1]))) if parts else ''


def limb_name(name: str) -> str:
    """The name of a row of an explanation."""
    return 'rise and sway of the body' if name == BODY else name.replace('_', ' ')


def findings(explanation: Explanation, name: str) -> list[str]:
    """What the explanation found, in sentences.

    Args:
        explanation: The explanation.
        name: Name of the class.
    """
    pairs = sorted(zip(explanation.limb_effect, map(limb_name, explanation.limbs)), reverse=True)
    most = [f'{limb} ({points(effect)})' for effect, limb in pairs if effect >= CLEAR][:3]
    against = [f'{limb} ({points(effect)})' for effect, limb in reversed(pairs) if effect <= -CLEAR][:2]
    sentences = []
    if most:
        sentences.append(f'Most of it is in the movement of: {listed(most)}.')
    else:
        sentences.append(f'No single limb decides: without the movement of any one, the probability falls by less than '
                         f'{100 * CLEAR:.0f} points.')
    if against:
        sentences.append(f'Against {name} speaks the movement of: {listed(against)}.')
    cells = [(value, limb, column) for limb, row in zip(explanation.limbs, explanation.effect)
             for column, value in enumerate(row)]
    value, limb, column = max(cells)
    if explanation.by == 'stride' and value >= CLEAR:
        sentences.append(f'The largest effect of one phase is {points(value)}: {limb_name(limb)} at '
                         f'{100 * column / BINS:.0f} to {100 * (column + 1) / BINS:.0f} % of the stride.')
    return sentences


def movement_phases(explanation: Explanation) -> list[str]:
    """What the picture of the movement phases shows, in sentences."""
    several = len(explanation.phases) > 1
    leg = 'leg that the network sees as the left one' if explanation.leg == 'both' else f'{explanation.leg} leg'
    sentences = [
        'The network sorts each moment of the walk into phases by where the legs are. Nobody named them. ' +
        ('The layers below have phases of their own.' if several else 'All its layers share them.'),
        f'{"Each picture" if several else "The picture"} shows how much of each phase there is over a stride of the '
        f'{leg}, from foot strike to foot strike.']
    if explanation.leg == 'right':
        sentences.append('This person walks to the left. The network sees such a walk mirrored, so that it sees the '
                         'right leg as the left one.')
    elif explanation.leg == 'both':
        sentences.append('While this person walks to the right, it is the left leg. The network sees a walk to the '
                         'left mirrored, and there it is the right leg.')
    return sentences


def points(effect: float) -> str:
    """A change of a probability in percentage points."""
    return f'{round(100 * effect):+d} points'.replace('-', '\N{MINUS SIGN}')


def sanity(explanation: Explanation) -> str:
    """Whether the explanation passes its test for this recording."""
    beaten, orders = explanation.beaten(), len(explanation.random)
    begin = ('Test of this map: the movements were removed one after another, those with the largest effect first. '
             f'The probability fell faster than in {round(beaten * orders)} of {orders} random orders.')
    return begin if explanation.holds() else f'{begin} That is too few: do not rely on the map of this recording.'
