"""Small videos, written here."""
from fractions import Fraction

import numpy as np
import pytest

from dynstg_mm.errors import DataError
from dynstg_mm.video import Video

av = pytest.importorskip('av')
HEIGHT, WIDTH = 48, 64
# The matrix in a video's track header, by the clockwise turn that a player makes; 16.16 numbers, the last 2.30.
TURNS = {0: (1, 0, 0, 0, 1, 0, 0, 0), 90: (0, 1, 0, -1, 0, 0, 0, 0), 180: (-1, 0, 0, 0, -1, 0, 0, 0),
         270: (0, -1, 0, 1, 0, 0, 0, 0)}


def write_video(path, milliseconds=None, frames=10, ratio=None, image=None):
    """A video with a white top left corner, its frames at 25 per second or at `milliseconds`."""
    if image is None:
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        image[:16, :16] = 255
    options = dict(movflags='faststart') if path.suffix == '.mp4' else {}
    with av.open(str(path), 'w', options=options) as container:
        stream = container.add_stream('libvpx' if path.suffix == '.webm' else 'mpeg4', rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, 'yuv420p', 10**6
        if path.suffix != '.avi':  # whose frames have no times
            stream.codec_context.time_base = Fraction(1, 1000)
        if ratio is not None:
            stream.codec_context.sample_aspect_ratio = ratio
        for time in 40 * np.arange(frames) if milliseconds is None else milliseconds:
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            frame.pts, frame.time_base = int(time), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        if milliseconds == []:
            container.start_encoding()
        container.mux(stream.encode())
    return path


def turned(path, degrees):
    """The file, with a mark that it is to be turned clockwise, as phones write it."""
    numbers = [*TURNS[degrees], 1]
    matrix = b''.join(int(number * 2**(30 if index % 3 == 2 else 16)).to_bytes(4, 'big', signed=True)
                      for index, number in enumerate(numbers))
    content = path.read_bytes()
    start = content.index(b'tkhd') + 44  # version, flags, times, track, duration, layer, group, volume
    path.write_bytes(content[:start] + matrix + content[start + 36:])
    return path


def error(path):
    with pytest.raises(DataError) as caught, Video(path) as video:
        list(video)
    assert str(path) in str(caught.value) and '\n' not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize('name', ['a.mp4', 'a.mov', 'a.avi', 'a.mkv', 'a.webm'])
def test_frames_and_their_times(tmp_path, name):
    with Video(write_video(tmp_path / name)) as video:
        frames = list(video)
    assert [frame.image.shape for frame in frames] == [(HEIGHT, WIDTH, 3)] * 10
    assert np.allclose([frame.time for frame in frames], 0.04 * np.arange(10), atol=1e-3)
    assert frames[0].image[8, 8].min() > 200 and frames[0].image[40, 40].max() < 50


@pytest.mark.parametrize('degrees, corner', [(0, (0, 0)), (90, (0, 1)), (180, (1, 1)), (270, (1, 0))])
def test_a_phones_video_is_upright(tmp_path, degrees, corner):
    with Video(turned(write_video(tmp_path / 'a.mp4'), degrees)) as video:
        image = next(iter(video)).image
    assert image.shape[:2] == ((HEIGHT, WIDTH) if degrees % 180 == 0 else (WIDTH, HEIGHT))
    bright = [[image[y, x].min() > 200 for x in (8, -8)] for y in (8, -8)]
    assert bright == [[(y, x) == corner for x in (0, 1)] for y in (0, 1)]


def test_pixels_become_square(tmp_path):
    with Video(write_video(tmp_path / 'a.mkv', ratio=Fraction(3, 2))) as video:
        assert next(iter(video)).image.shape == (HEIGHT, WIDTH * 3 // 2, 3)


def test_uneven_times_are_kept(tmp_path):
    times = [0, 40, 75, 120, 260, 300]
    with Video(write_video(tmp_path / 'a.mkv', times)) as video:
        assert np.allclose([frame.time for frame in video], np.array(times) / 1000)


def test_what_is_no_video_is_one_line(tmp_path):
    text, sound = tmp_path / 'text.mp4', tmp_path / 'sound.mp4'
    text.write_text('no video')
    with av.open(str(sound), 'w') as container:
        stream = container.add_stream('aac', rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format='fltp', layout='mono')
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert 'not a video' in error(text) and 'no video stream' in error(sound)
    (tmp_path / 'empty.mp4').write_bytes(b'')
    error(tmp_path / 'empty.mp4')
    error(write_video(tmp_path / 'none.mkv', []))
    with pytest.raises(FileNotFoundError):
        Video(tmp_path / 'nowhere.mp4')
    with pytest.raises(IsADirectoryError):
        Video(tmp_path)


@pytest.mark.parametrize('name', ['a.mp4', 'a.avi', 'a.mkv', 'a.webm'])
def test_a_video_that_is_cut_short_is_one_line(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    path = write_video(tmp_path / name, frames=50, image=noise)
    path.write_bytes(path.read_bytes()[:-path.stat().st_size * 4 // 10])
    assert 'cut short' in error(path)
