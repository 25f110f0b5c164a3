"""The walking skeleton as a video: over its source, or on a plain ground that moves with the walker."""
import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter1d

from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.extras import need
from dynstg_mm.files import atomic_open
from dynstg_mm.gait.signal import fill_missing
from dynstg_mm.gait.visibility import seen_joints
from dynstg_mm.skeleton_figure import SIDE_COLORS, bones, side, walking_direction
from dynstg_mm.skeletons import Layout, get_layout
from dynstg_mm.video import Video

if TYPE_CHECKING:
    from PIL import ImageFont

Colour = tuple[int, int, int]  # RGB
Captions = Sequence[str] | Callable[[int], str]
GIF_RATE = 20  # most frames per second of a GIF, whose times are multiples of 10 ms
GIF_HEIGHT = 360
BITS = 4  # of the fractions of a pixel that OpenCV draws with


def _rgb(color: str) -> Colour:
    red, green, blue = bytes.fromhex(color[1:])
    return red, green, blue


class Style(NamedTuple):
    """Colours of the sides, of what is lost, and of the outline that sets the skeleton off."""

    left: Colour
    right: Colour
    middle: Colour
    lost: Colour
    outline: Colour


PLAIN = Style(_rgb(SIDE_COLORS['left']), _rgb(SIDE_COLORS['right']), _rgb(SIDE_COLORS['']), (176, 0, 32),
              (255, 255, 255))
ON_VIDEO = Style((86, 180, 233), (240, 136, 62), (230, 237, 243), (255, 123, 114), (20, 20, 20))


class Scene(NamedTuple):
    """The skeletons of all frames in two dimensions: places (M, T, V, 2), which are seen (M, T, V), and who is shown in
    a frame (M, T)."""

    place: np.ndarray
    seen: np.ndarray
    shown: np.ndarray


def write_skeleton_video(path: str | os.PathLike, keypoint: np.ndarray, score: np.ndarray | None,
                         layout: str | Layout, rate: float, source: str | os.PathLike | None = None,
                         captions: Captions | None = None, *, height: int | None = None,
                         img_shape: Sequence[int] | None = None) -> None:
    """Draw a walk as MP4 or GIF.

    Left and right have different colours. A lost joint is a ring where it would be by the frames around it. Without a
    source the picture follows the first person. A 3-D walk is seen from its right side.

    Args:
        path: The .mp4 or .gif file, written whole or not at all.
        keypoint: Shape (M, T, V, C) or (T, V, C): pixels, or three coordinates with y up.
        score: Shape (M, T, V) or (T, V), 0 for a lost joint.
        layout: Skeleton layout.
        rate: Frames per second.
        source: The video that the keypoints were found in.
        captions: A line for each frame, or a function from the frame's number to it.
        height: Height of the picture; by default 480, or the source's up to 720; of a GIF at most 360.
        img_shape: Height and width that the keypoints are in, if they are not the source's.

    Raises:
        ConfigError: The file has another suffix, or the arguments do not fit together.
        DataError: The source is damaged, nobody is seen, or PyAV is not installed; a GIF without source needs none.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in ('.mp4', '.gif'):
        raise ConfigError(f'{path}: {suffix or "no suffix"}; expected .mp4 or .gif.')
    layout = get_layout(layout)
    keypoint = np.asarray(keypoint, np.float32)
    if keypoint.ndim == 3:
        keypoint, score = keypoint[None], None if score is None else np.asarray(score)[None]
    if keypoint.ndim != 4 or keypoint.shape[2] != layout['num_node'] or keypoint.shape[3] not in (2, 3):
        raise ConfigError(f'{path}: keypoint: shape {keypoint.shape}; expected (persons, frames, '
                          f'{layout["num_node"]}, 2 or 3).')
    if source is not None and keypoint.shape[3] == 3:
        raise ConfigError(f'{path}: keypoint: three coordinates; only those in pixels fit over a video.')
    frames = keypoint.shape[1]
    if captions is not None and not callable(captions) and len(captions) != frames:
        raise ConfigError(f'{path}: captions: {len(captions)}; expected one for each of {frames} frames.')
    step = max(1, -int(-rate // GIF_RATE)) if suffix == '.gif' else 1
    most = GIF_HEIGHT if suffix == '.gif' else 100_000
    scene = _scene(keypoint, score, layout, path)
    if source is None:
        pictures, style = _on_ground(scene, min(height or 480, most), step), PLAIN
    else:
        pictures, style = _over_video(scene, source, rate, min(height or 720, most), step, img_shape), ON_VIDEO
    drawn = _drawn(pictures, scene, layout, style, captions, rate, step)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    (_write_gif if suffix == '.gif' else _write_mp4)(path, drawn, rate / step)


def _scene(keypoint: np.ndarray, score: np.ndarray | None, layout: Layout, path: str | os.PathLike) -> Scene:
    seen = seen_joints(keypoint, score)
    if not seen.any():
        raise DataError(f'{path}: keypoint: nobody is seen in any frame.')
    there = np.any(seen, (1, 2))  # rows of zeros only fill an array
    keypoint, seen = keypoint[there], seen[there]
    filled = np.stack([fill_missing(*person, layout) for person in zip(np.where(seen[..., None], keypoint, 0), seen)])
    if keypoint.shape[-1] == 3:
        filled = _from_the_side(filled, layout)
    present = np.any(seen, 2)
    shown = np.maximum.accumulate(present, 1) & np.maximum.accumulate(present[:, ::-1], 1)[:, ::-1]
    return Scene(filled, seen, shown)


def _from_the_side(keypoint: np.ndarray, layout: Layout) -> np.ndarray:
    """Coordinates (M, T, V, 3) with y up along the first person's heading and downwards, as in an image."""
    ahead = walking_direction(keypoint[0], layout)
    return np.stack([keypoint[..., [0, 2]] @ ahead, -keypoint[..., 1]], -1).astype(np.float32)


def _on_ground(scene: Scene, height: int, step: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures of a plain ground, and the places (M, V, 2) on them in pixels."""
    import cv2
    width = height * 4 // 3
    first = scene.place[0][scene.shown[0]]  # (frames, V, 2)
    top, floor = np.percentile(first[..., 1].min(1), 1), np.percentile(first[..., 1].max(1), 99)
    across = np.percentile(np.ptp(first[..., 0], axis=1), 99)
    scale = min(0.78 * height / max(floor - top, 1e-6), 0.8 * width / max(across, 1e-6))
    known = np.flatnonzero(scene.shown[0])
    path = np.interp(np.arange(scene.place.shape[1]), known, np.median(first[..., 0], axis=1))
    path = uniform_filter1d(path, max(1, min(len(path), 31)), mode='nearest')
    line, tile = round(0.88 * height), (floor - top) * scale / 2  # tiles of half a body's height
    for frame in range(0, scene.place.shape[1], step):
        image = np.full((height, width, 3), 255, np.uint8)
        image[line:] = 232
        start = (-path[frame] * scale + width / 2) % (2 * tile) - 2 * tile
        for left in np.arange(start, width, 2 * tile):
            image[line:, max(0, round(left)):max(0, round(left + tile))] = 208
        cv2.line(image, (0, line), (width, line), (150, 150, 150), 1)
        yield image, (scene.place[:, frame] - (path[frame], floor)) * scale + (width / 2, line)


def _over_video(scene: Scene, source: str | os.PathLike, rate: float, height: int, step: int,
                img_shape: Sequence[int] | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures of the source at the times of the keypoints, and the places (M, V, 2) on them in pixels."""
    import cv2
    with Video(source) as video:
        frames = iter(video)
        current = next(frames)
        start, following = current.time, next(frames, None)
        size = current.image.shape[:2]
        factor = min(1, height / size[0])
        picture = (max(2, round(size[1] * factor)), max(2, round(size[0] * factor)))  # width, height
        scale = np.array(picture) / np.array((img_shape or size)[::-1])
        for frame in range(0, scene.place.shape[1], step):
            while following is not None and following.time <= start + (frame + 0.5) / rate:
                current, following = following, next(frames, None)
            image = cv2.resize(current.image, picture, interpolation=cv2.INTER_AREA)
            yield image, scene.place[:, frame] * scale


def _drawn(pictures: Iterator[tuple[np.ndarray, np.ndarray]], scene: Scene, layout: Layout, style: Style,
           captions: Captions | None, rate: float, step: int) -> Iterator[np.ndarray]:
    """The pictures with skeletons and a line of text, of an even size, as video codecs need it."""
    for number, (image, place) in enumerate(pictures):
        frame = number * step
        for person in np.flatnonzero(scene.shown[:, frame]):
            _draw_person(image, place[person], scene.seen[person, frame], layout, style)
        text = '' if captions is None else captions(frame) if callable(captions) else captions[frame]
        bar = _bar(image.shape[1], max(24, image.shape[0] // 14), str(text), f'{frame / rate:.1f} s')
        whole = np.concatenate([image, bar])
        yield np.pad(whole, [(0, whole.shape[0] % 2), (0, whole.shape[1] % 2), (0, 0)], mode='edge')


def _draw_person(image: np.ndarray, place: np.ndarray, seen: np.ndarray, layout: Layout, style: Style) -> None:
    import cv2
    colours = {'left': style.left, 'right': style.right, '': style.middle}
    place = np.clip(place, -2 * max(image.shape), 3 * max(image.shape))  # OpenCV draws with 32-bit numbers
    points = [tuple(map(int, point)) for point in np.round(place * 2**BITS)]
    width = max(2, round(image.shape[0] / 160))
    options = dict(lineType=cv2.LINE_AA, shift=BITS)

    def colour(joint: int) -> Colour:
        return colours[side(layout, joint)]

    for child, parent in bones(layout):
        if seen[child] and seen[parent]:
            cv2.line(image, points[child], points[parent], style.outline, width + 2, **options)
    for child, parent in bones(layout):
        found = seen[child] and seen[parent]
        cv2.line(image, points[child], points[parent], colour(child) if found else style.lost, width if found else 1,
                 **options)
    for joint, point in enumerate(points):
        radius = round(width * 1.2 * 2**BITS)
        if seen[joint]:
            cv2.circle(image, point, radius, colour(joint), -1, **options)
        else:
            cv2.circle(image, point, round(radius * 1.5), style.lost, 1, **options)


def _bar(width: int, height: int, text: str, time: str) -> np.ndarray:
    """A strip with a caption, what the colours mean, and the time."""
    from PIL import Image, ImageDraw
    image = Image.new('RGB', (width, height), 'white')
    draw, font = ImageDraw.Draw(image), _font(round(height * 0.55))
    right, middle, gap = width - height // 4, height / 2, height // 3
    for word, colour in ((time, PLAIN.middle), ('right', PLAIN.right), ('left', PLAIN.left)):
        draw.text((right, middle), word, colour, font, anchor='rm')
        right -= round(draw.textlength('00.0 s' if word == time else word, font)) + gap  # the time keeps its place
    text = ' '.join(text.split())
    shown = text
    while shown and draw.textlength(shown, font) > right - gap:
        text = text[:-1]
        shown = text.rstrip() + '…' if text else ''
    draw.text((height // 4, middle), shown, (31, 35, 40), font, anchor='lm')
    return np.asarray(image)


@cache
def _font(size: int) -> 'ImageFont.FreeTypeFont':
    """Matplotlib's font, which has the letters of most languages."""
    import matplotlib
    from PIL import ImageFont
    return ImageFont.truetype(Path(matplotlib.get_data_path(), 'fonts/ttf/DejaVuSans.ttf'), size)


def _write_mp4(path: str | os.PathLike, pictures: Iterator[np.ndarray], rate: float) -> None:
    """H.264, which browsers and slides play."""
    av = need('av', 'video')
    first = next(pictures)
    with atomic_open(path, 'wb+') as file, av.open(file, 'w', format='mp4') as container:
        stream = container.add_stream('libx264', rate=Fraction(rate).limit_denominator(1001),
                                      options=dict(crf='23', preset='veryfast'))
        stream.height, stream.width, stream.pix_fmt = *first.shape[:2], 'yuv420p'
        for picture in chain([first], pictures):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24')))
        container.mux(stream.encode())


def _write_gif(path: str | os.PathLike, pictures: Iterator[np.ndarray], rate: float) -> None:
    """A GIF that repeats; Pillow keeps its frames in memory until they are written."""
    from PIL import Image
    images = [Image.fromarray(picture).quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
              for picture in pictures]
    ends = np.round(np.arange(1, len(images) + 1) / rate * 100).astype(int) * 10  # in ms
    with atomic_open(path, 'wb') as file:
        images[0].save(file, 'GIF', save_all=True, append_images=images[1:], loop=0,
                       duration=np.diff(ends, prepend=0).tolist())
