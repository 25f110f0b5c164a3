import numpy as np
import pytest

from dynstg_mm.audit import near_copies
from dynstg_mm.audit.near_copies import SAME
from dynstg_mm.skeletons import get_layout, mirror_order

LAYOUT = get_layout('body_25')


@pytest.fixture(scope='module')
def clips(sample):
    """Four people with both of their walks."""
    return {clip['frame_dir']: dict(clip, keypoint=clip['keypoint'].astype(np.float32), keypoint_score=None)
            for clip in sample['annotations'] if '_05_' in clip['frame_dir']}


def moved(change):
    def copy(clip):
        keypoint = clip['keypoint']
        return dict(clip, keypoint=np.where((keypoint == 0).all(-1, keepdims=True), 0, change(keypoint)))
    return copy


def mirror(clip):
    swapped = clip['keypoint'][:, :, mirror_order(LAYOUT)]
    return moved(lambda keypoint: keypoint * [-1, 1] + [640, 0])(dict(clip, keypoint=swapped))


def resample(clip):
    """At 41.7 frames per second, each joint by itself between the frames that show it."""
    keypoint, rate = clip['keypoint'][0], 41.7
    frames = np.arange(0, len(keypoint) - 1, clip['rate'] / rate)
    copy = np.zeros((len(frames), *keypoint.shape[1:]), np.float32)
    for joint in range(keypoint.shape[1]):
        known = np.flatnonzero(keypoint[:, joint].any(-1))
        for axis in range(2):
            copy[:, joint, axis] = np.interp(frames, known, keypoint[known, joint, axis])
    return dict(clip, keypoint=copy[None], rate=rate)


def noisy(keypoint):
    return keypoint + np.random.default_rng(0).normal(scale=0.5, size=keypoint.shape)  # pixels; legs are about 100 long


def turn(keypoint):
    return keypoint @ np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])


COPIES = dict(
    cut=lambda clip: dict(clip, keypoint=clip['keypoint'][:, 9:-4]), shift=moved(lambda keypoint: keypoint + 40),
    scale=moved(lambda keypoint: keypoint * 0.3), turn=moved(turn), mirror=mirror, noise=moved(noisy),
    resample=resample,
    three_at_once=lambda clip: mirror(resample(dict(clip, keypoint=clip['keypoint'][:, 5:]))))


@pytest.mark.parametrize('kind', COPIES)
def test_changed_copies_are_found_and_nothing_else(clips, kind):
    chosen = list(clips)[::2]
    copies = {f'{name}_copy': COPIES[kind](clips[name]) for name in chosen}
    found = near_copies({**clips, **copies}, LAYOUT, progress=False)
    assert {(copy.first, copy.second) for copy in found} == {(name, f'{name}_copy') for name in chosen}
    assert all(0 <= copy.difference < SAME and 2 <= copy.seconds < 4 for copy in found)


def test_two_parts_of_one_recording_that_overlap(clips):
    name, clip = next(iter(clips.items()))
    early, late = (dict(clip, keypoint=clip['keypoint'][:, part]) for part in (slice(0, 80), slice(10, None)))
    found, = near_copies(dict(early=early, late=late, other=list(clips.values())[2]), LAYOUT, progress=False)
    assert (found.first, found.second) == ('early', 'late') and not found.exact


def test_without_a_layout_of_sides_a_swap_is_not_seen_and_the_rest_is(clips):
    plain = get_layout(dict(num_node=25, inward=[(joint, 0) for joint in range(1, 25)], center=0))
    name, clip = next(iter(clips.items()))
    other = list(clips.values())[2]
    assert near_copies(dict(a=clip, b=COPIES['shift'](clip), c=other), plain, progress=False)
    assert not near_copies(dict(a=clip, b=mirror(clip), c=other), plain, progress=False)


def test_short_and_empty_clips_are_passed_over(clips):
    clip = next(iter(clips.values()))
    short = dict(clip, keypoint=clip['keypoint'][:, :20])
    empty = dict(clip, keypoint=clip['keypoint'] * 0)
    assert near_copies(dict(a=short, b=dict(short), c=empty, d=clip), LAYOUT, progress=False) == []
