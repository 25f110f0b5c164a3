"""Reading video files: upright frames with their times."""
import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dynstg_mm.errors import DataError
from dynstg_mm.extras import need
from dynstg_mm.files import existing_file


class Frame(NamedTuple):
    """One frame as a player shows it: its time in seconds, and an RGB image of shape (height, width, 3), uint8."""

    time: float
    image: np.ndarray


class Video:
    """A video file, read once from its start, one frame at a time.

    Frames are turned as a phone's rotation mark says, and stretched if their pixels are not square. Times are those of
    the file, so that a variable frame rate is kept.

    Args:
        path: The file.

    Attributes:
        count: Number of frames by the header, 0 if it does not have it.

    Raises:
        DataError: It is no video, has no video stream, or cannot be decoded; also while its frames are read.
        FileNotFoundError, IsADirectoryError: There is no such file, or it is a folder.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = existing_file(path, 'video')
        self._av = need('av', 'video')
        with self._readable():
            self._container = self._av.open(os.fspath(path))
        if not self._container.streams.video:
            self._container.close()
            raise DataError(f'{path}: no video stream in it; expected a video, not only sound.')
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = 'AUTO'
        self.count: int = self._stream.frames

    def __enter__(self) -> 'Video':
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        ratio = float(self._stream.sample_aspect_ratio or 1)
        rate = float(self._stream.average_rate or 25)
        last, end = -np.inf, 0.
        with self._readable():
            for index, frame in enumerate(self._container.decode(self._stream)):
                time = index / rate if frame.time is None else frame.time
                if time <= last:  # shown for no time
                    continue
                last, end = time, time + float((frame.duration or 0) * (frame.time_base or 0))
                image = frame.to_ndarray(format='rgb24', width=round(frame.width * ratio), height=frame.height)
                yield Frame(time, np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90) % 4)))
        if last == -np.inf:
            raise DataError(f'{self.path}: no frames that PyAV can read; expected a video, perhaps converted to MP4.')
        expected = self._expected_end(rate)  # FFmpeg takes the end of a file for the end of its video
        if end < expected - max(0.5, 0.05 * expected):
            raise DataError(f'{self.path}: ends after {end:.1f} of {expected:.1f} s; it is cut short.')

    def _expected_end(self, rate: float) -> float:
        """When the last frame should end, by the header; 0 if it does not say so."""
        if self._container.format.name == 'avi':  # whose duration FFmpeg takes from the size of the file
            return self.count / rate
        if self._stream.duration is not None:
            return float((self._stream.start_time or 0) + self._stream.duration) * float(self._stream.time_base)
        return (self._container.duration or 0) / 1e6

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn FFmpeg's errors into a DataError of one line."""
        try:
            yield
        except self._av.error.FFmpegError as error:
            raise DataError(f'{self.path}: damaged, cut short, or not a video ({error.strerror}).') from None
