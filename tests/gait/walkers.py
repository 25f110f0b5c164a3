"""Walkers whose steps are known exactly."""
import numpy as np

LEG, FOOT = 0.9, 0.2  # metres


def stepping(*, cycle=1.1, stance=(0.62, 0.62), steps=(0.6, 0.6), seconds=8, rate=60, dims=3, width=0.1):
    """A clip in BODY_25 of somebody who puts one foot before the other, and the true times of the contacts.

    A foot rests on the ground from its strike to its off, and swings forward in between. The pelvis moves evenly.

    Args:
        cycle: Stride time in seconds.
        stance: Share of the stride, left and right.
        steps: Step length of the left and the right foot in metres.
        seconds: Length.
        rate: Frames per second.
        dims: 3 for metres with y up, 2 for pixels seen from the side.
        width: Of a step in metres.
    """
    time = np.arange(round(seconds * rate)) / rate
    stride = sum(steps)
    speed = stride / cycle
    place = np.zeros((len(time), 25, 3))
    place[..., 0], place[..., 1] = speed * time[:, None], LEG
    place[:, [0, 1, 15, 16, 17, 18], 1] = 1.4
    events = []
    for side, sign, hip, knee, ankle, toes, heel, shift in (
            ('left', 1, 12, 13, 14, (19, 20), 21, 0.), ('right', -1, 9, 10, 11, (22, 23), 24, 0.5)):
        share = stance[sign < 0]
        phase = time / cycle + shift
        cycles, inside = np.floor(phase), phase % 1
        swing = np.clip((inside - share) / (1 - share), 0, 1)
        swing = swing + np.sin(2 * np.pi * swing) * -0.09  # lifts and lands with some speed
        lead = steps[1] if side == 'right' else 0.  # the right foot lands this far in front of the left one
        ground = stride * (cycles + swing) + lead - stride * (side == 'right') + 0.3 * stride
        lift = 0.06 * np.sin(np.pi * np.clip((inside - share) / (1 - share), 0, 1))
        for joint, ahead, height in ((heel, 0, 0), (ankle, 0.05, 0.08), *((toe, FOOT, 0) for toe in toes)):
            place[:, joint, 0], place[:, joint, 1] = ground + ahead, lift + height
        place[:, knee] = (place[:, ankle] + place[:, hip]) / 2
        for joint in (hip, knee, ankle, *toes, heel):
            place[:, joint, 2] = sign * (0.08 if joint == hip else width / 2)
        events += [((number - shift) * cycle, side, 'strike') for number in range(int(phase[-1]) + 1)]
        events += [((number - shift + share) * cycle, side, 'off') for number in range(int(phase[-1]) + 1)]
    for joint, (height, aside) in {2: (1.35, -.18), 3: (1.1, -.2), 4: (0.9, -.2), 5: (1.35, .18), 6: (1.1, .2),
                                   7: (0.9, .2)}.items():
        place[:, joint, 1], place[:, joint, 2] = height, aside
    keypoint = place * (1, 1, -1) if dims == 3 else place[..., :2] * (200, -200) + (300, 900)
    clip = dict(frame_dir='steps', keypoint=keypoint[None].astype(np.float32), rate=float(rate), total_frames=len(time))
    return clip, sorted(event for event in events if 0.3 < event[0] < seconds - 0.3)

