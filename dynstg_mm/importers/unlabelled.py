"""Recordings without labels: what a file is, and its people as clips."""
import contextlib
import inspect
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dynstg_mm.errors import ConfigError, DataError, UserError
from dynstg_mm.files import missing_file_hint
from dynstg_mm.gait.signal import RATES, is_rate
from dynstg_mm.importers import READERS, SUFFIXES
from dynstg_mm.importers.arrange import arrange, check_unit, onto_layout, turned
from dynstg_mm.importers.convert import read_recordings, with_source_layout, with_unit
from dynstg_mm.importers.csv_table import csv_lines, header_and_rows
from dynstg_mm.importers.find import FREEMOCAP_BODY, clips_of, files_below, find_files, is_repeated
from dynstg_mm.importers.freemocap import is_freemocap
from dynstg_mm.importers.h36m import has_h36m
from dynstg_mm.importers.kinect import is_table
from dynstg_mm.importers.mmaction import checked_clip, load_clips
from dynstg_mm.importers.npz import KEYPOINTS, read_array
from dynstg_mm.importers.pixels import in_pixels
from dynstg_mm.importers.recording import Recording, rate_notes, readable
from dynstg_mm.importers.tabular import joint_names
from dynstg_mm.skeletons import LAYOUTS, Layout, best_layout, get_layout, map_joints

Clip = dict[str, Any]
Failed = Callable[[str, Exception], None]  # takes the file and its error
MANY = 16  # most persons that are read
KNOWN = sorted({suffix for suffixes in SUFFIXES.values() for suffix in suffixes})


class Source(NamedTuple):
    """A recording, or an annotation file of several, before it is read: its name, what its reader takes, its format."""

    name: str
    path: Any
    format: str

    @property
    def file(self) -> str:
        """The file, or the folder of a recording with one file per frame."""
        return str(Path(self.path[0]).parent if isinstance(self.path, list) else self.path)


def find_recordings(inputs: Iterable[str | os.PathLike], format_name: str | None = None,
                    failed: Failed | None = None, without: Sequence[str | os.PathLike] = ()) -> list[Source]:
    """The recordings in files and folders, whose format is recognised by suffix and content.

    Args:
        inputs: Files, or folders of files at any depth.
        format_name: The format of all, a key of `READERS`.
        failed: Takes an input that cannot be used and its error, and the others are found; by default it is raised.
        without: Files and folders that are not recordings, such as what a command writes.

    Raises:
        ConfigError: There is no such format.
        DataError: There is no such file, it is of no known format, or a folder has no recording.
    """
    if format_name is not None and format_name not in READERS:
        raise ConfigError(f'format: {format_name!r}; expected one of {", ".join(READERS)}.')
    found: list[Source] = []
    for path in inputs:
        try:
            if not os.fspath(path):
                raise DataError('input: an empty name; expected a file or a folder.')
            found += _in_folder(Path(path), format_name, failed, without) if Path(path).is_dir() or format_name else [
                Source(Path(path).stem, Path(path), recognise(path))]
        except (UserError, OSError) as error:
            _report(path, error, failed)
    return found


def recognise(path: str | os.PathLike) -> str:
    """Format of a file, by its suffix and its content.

    Raises:
        DataError: There is no such file, or it is of no known format.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f'{path}: no such file or folder; {missing_file_hint(path)}.')
    suffix = path.suffix.lower()
    options = [name for name, suffixes in SUFFIXES.items() if suffix in suffixes]
    if not options:
        raise DataError(f'{path}: {suffix or "no suffix"}; expected {", ".join(KNOWN)}, or --format.')
    if len(options) == 1:
        return options[0]
    with open(path, 'rb') as file:
        if not file.read(1):
            raise DataError(f'{path}: empty; expected a recording.')
    if suffix == '.json':
        return _json_format(path)
    if suffix == '.npz':
        with readable(path, '.npz file'), zipfile.ZipFile(path) as arrays:
            names = {name.removesuffix('.npy') for name in arrays.namelist()}
        if names & {'landmarks', 'pose_landmarks', 'world_landmarks', 'pose_world_landmarks'}:
            return 'mediapipe'
        return 'npz' if names & set(KEYPOINTS) or not has_h36m(path) else 'h36m'
    if suffix == '.npy':
        shape = read_array(path, 'r').shape
        return 'h36m' if has_h36m(path) else 'freemocap' if len(shape) == 3 else 'stgcn'
    return _table_format(path)


def _table_format(path: Path) -> str:
    lines, delimiter = csv_lines(path, 101)
    first = lines[0]
    if first[0].strip() == 'scorer':
        return 'deeplabcut'
    if FREEMOCAP_BODY.match(path.stem) or is_freemocap(first):
        return 'freemocap'
    if is_table(first):
        return 'kinect'
    return 'mediapipe' if len(joint_names(path, *header_and_rows(path, lines, delimiter))) == 33 else 'csv'


def read_unlabelled(sources: Iterable[Source], *, rate: float | None = None, layout: str | Layout | None = None,
                    prefer: Layout | None = None, up: str | None = None, scale: float = 1.,
                    reader: dict[str, Any] | None = None,
                    failed: Failed | None = None) -> Iterator[Clip]:
    """Clips of recordings, one after the other, so that memory does not grow with their number.

    Args:
        sources: From `find_recordings`.
        rate: Frames per second; takes precedence over the file.
        layout: Skeleton of the recordings, whatever the format implies.
        prefer: Layout onto which joints are mapped, if that is possible, that are only named, or whose skeleton does
            not say which are the legs (BVH).
        up, scale: As for `read_recordings`.
        reader: Options of the readers, such as `dims`; each takes those that it knows.
        failed: Takes a file that cannot be read and its error, and the others are read; by default it is raised.

    Yields:
        Annotations with `frame_dir`, `keypoint` (M, T, V, C), all persons in the order of `gait.person.person_rank`;
        `keypoint_score` (M, T, V), `total_frames`, `rate` (or None), `layout` (or None), `file`, `format`, `persons`,
        how many are seen, `notes`, perhaps `img_shape`, `estimator`, `unit`, foot contacts `events`, and without a
        layout perhaps `joint_names`.

    Raises:
        DataError: A recording cannot be read.
        ConfigError: An option is wrong.
    """
    check_rate(rate)
    given = layout if layout is None or isinstance(layout, str) and layout in LAYOUTS else get_layout(layout)
    for source in sources:
        clips = (_annotations(source, given, up, reader or {}, failed) if source.format == 'mmaction' else
                 _recordings(source, given, prefer, up, scale, reader or {}))
        try:
            for clip in clips:
                yield with_rate(clip, rate)
        except (UserError, OSError) as error:
            _report(source.file, error, failed)


def with_rate(clip: Clip, rate: float | None) -> Clip:
    """The clip with these frames per second, if any are given, and a note if it has others."""
    if rate is None:
        return clip
    return dict(clip, rate=float(rate), notes=[*clip['notes'], *rate_notes(rate, clip['rate'])])


def check_rate(rate: object) -> None:
    """Refuse frames per second that cannot be; None is accepted."""
    if rate is not None and not is_rate(rate):
        raise ConfigError(f'rate (--rate): {rate!r}; expected frames per second, {RATES[0]} to {RATES[1]}.')


def _report(path: str | os.PathLike, error: Exception, failed: Failed | None) -> None:
    if failed is None:
        raise error
    failed(os.fspath(path), error)


def _in_folder(folder: Path, format_name: str | None, failed: Failed | None,
               without: Sequence[str | os.PathLike]) -> list[Source]:
    """Recordings of a folder, or of a file whose format was given."""
    if format_name is not None:
        return [Source(name, path, format_name) for name, path in find_files(format_name, folder, without).items()]
    paths = [path for path in files_below(folder, KNOWN, without) if not is_repeated(path)]
    by_format: dict[str, list[Path]] = {}
    openpose: set[Path] = set()  # folders of frames
    for path in paths:
        try:
            frame = path.suffix.lower() == '.json' and path.parent in openpose
            if _is_other_table(path):
                continue
            name = 'openpose' if frame else recognise(path)
        except (UserError, OSError) as error:
            _report(path, error, failed)
            continue
        if name == 'openpose':
            openpose.add(path.parent)
        by_format.setdefault(name, []).append(path)
    if not paths:
        raise DataError(f'{folder}: no recording in or below it; expected {", ".join(KNOWN)}.')
    return [Source(clip, path, name) for name, some in by_format.items()
            for clip, path in clips_of(name, some, folder).items()]


def _is_other_table(path: Path) -> bool:
    """Whether a file is a text or a label table among the recordings."""
    if path.suffix.lower() not in SUFFIXES['csv']:
        return False
    with open(path, 'rb') as file:
        first = file.readline(100_000).decode('utf-8', 'replace').lower()
    names = {name.strip(' "\r\n\ufeff') for name in first.replace(';', ',').replace('\t', ',').split(',')}
    return {'clip', 'label'} <= names or path.suffix.lower() == '.txt' and len(names) < 4


def _json_format(path: Path) -> str:
    with open(path, 'rb') as file:
        start = file.read(4096).decode('utf-8', 'replace')
    marks = dict(people='openpose', bodies='openpose', meta_info='mmpose', instance_info='mmpose', instances='mmpose',
                 image_id='alphapose', myogait_version='myogait')
    if '"AlphaPose' in start and not re.match(r'\s*\{\s*"version"', start):  # not one file per frame
        return 'alphapose'
    places = {start.find(f'"{mark}"'): name for mark, name in marks.items() if f'"{mark}"' in start}
    if not places:
        try:
            json.loads(path.read_bytes())
        except ValueError:
            raise DataError(f'{path}: not a readable JSON file.') from None
        raise DataError(f'{path}: not recognised; expected a file of OpenPose, AlphaPose, MMPose or '
                        'myogait, or --format.')
    return places[min(places)]


def _annotations(source: Source, layout: str | Layout | None, up: str | None, reader: dict[str, Any],
                 failed: Failed | None) -> Iterator[Clip]:
    """Clips of an annotation file."""
    if reader.get('joint_names'):
        raise DataError(f'{source.file}: --joint-names: an annotation file does not name its joints; use '
                        '--source-layout.')
    clips, file = load_clips(source.path)
    for index, clip in enumerate(clips):
        try:
            read = read_annotation(source.path, index, clip, file, layout, reader.get('axes'),
                                   options=dict(reader, up=up))
        except UserError as error:
            _report(source.file, error, failed)
            continue
        yield dict(read, file=source.file, format=source.format)


def read_annotation(path: str | os.PathLike, index: int, clip: Mapping[str, Any], file: dict[str, Any],
                    layout: str | Layout | None = None, axes: str | None = None, prefer: Layout | None = None, *,
                    options: Mapping[str, Any] | None = None) -> Clip:
    """A clip from an annotation, with its arrays as they are, so that scores are those of testing.

    Args:
        path, index: Name it in errors.
        clip: The annotation.
        file: What its file says about all, such as `layout`.
        layout: Skeleton, whatever the file says.
        axes: Letters of the axes of `keypoint`, if it has another order.
        prefer: As for `read_unlabelled`.
        options: `up`, `coords`, `img_shape` and `unit`, as for `read_recordings`, if the arrays may be changed: by
            another vertical axis than y, or because they are shares of the image.

    Raises:
        DataError: It cannot be used.
    """
    recording = checked_clip(path, index, clip, file, MANY, axes)
    where = f'{path}: clip {recording.name}'
    kept = {key: clip[key] for key in ('keypoint', 'keypoint_score', 'img_shape', 'original_shape', 'estimator',
                                       'subject') if clip.get(key) is not None}
    same = recording.fields['order'] == 'mtvc' and np.shape(clip['keypoint'])[1:] == recording.keypoint.shape[1:]
    if same:
        recording.notes.clear()  # of what is not taken from the recording
    read = recording.keypoint
    recording, names = with_source_layout(recording, layout, where), clip.get('joint_names')
    if options is not None:
        recording = _as_meant(recording, options, where)
    if not same or recording.keypoint is not read:
        kept.update(keypoint=recording.keypoint, keypoint_score=recording.keypoint_score)
    if recording.coords != 'pixel':
        kept['img_shape'] = recording.img_shape
    if recording.unit is not None:
        kept['unit'] = recording.unit
    if recording.layout is None and names is not None:
        if len(names) != recording.keypoint.shape[2]:
            raise DataError(f'{where}: joint_names: {len(names)} names; keypoint has {recording.keypoint.shape[2]} '
                            'joints.')
        recording = replace(recording, joints=list(map(str, names)), up='y')
        if options is None or options.get('up') is None:
            recording = arrange(recording, path=path)
        recording = _with_layout(recording, prefer, where)
        kept.update(keypoint=recording.keypoint, keypoint_score=recording.keypoint_score, **(
            dict(joint_names=recording.joints) if recording.layout is None else {}))
    return dict(kept, frame_dir=recording.name, total_frames=recording.keypoint.shape[1], rate=recording.rate,
                layout=recording.layout, persons=len(recording.keypoint), notes=recording.notes)


def _as_meant(recording: Recording, options: Mapping[str, Any], where: str) -> Recording:
    """The recording of an annotation in pixels or with y up, by the options of a user."""
    recording = in_pixels(recording, options.get('coords'), options.get('img_shape'), where)
    recording = with_unit(recording, options.get('unit'))
    if recording.keypoint.shape[-1] == 2:
        return recording
    check_unit(recording, where)
    return recording if options.get('up') in (None, 'y') else turned(recording, options['up'])


def _recordings(source: Source, layout: str | Layout | None, prefer: Layout | None, up: str | None, scale: float,
                reader: dict[str, Any]) -> Iterator[Clip]:
    known = inspect.signature(READERS[source.format]).parameters
    options = dict(dict(persons=MANY), **reader)
    shared = {key: options.pop(key, None) for key in ('coords', 'img_shape', 'joint_names', 'unit')}
    recordings = read_recordings(source.name, source.path, format_name=source.format, source_layout=layout, up=up,
                                 scale=scale, options={key: value for key, value in options.items() if key in known},
                                 **shared)
    for recording in recordings:
        recording = _with_layout(recording, prefer, f'{source.file}: clip {recording.name}')
        keypoint = recording.keypoint
        clip = dict(frame_dir=recording.name, keypoint=keypoint, keypoint_score=recording.keypoint_score,
                    total_frames=keypoint.shape[1], rate=recording.rate, layout=recording.layout, file=source.file,
                    format=source.format, persons=len(keypoint), notes=recording.notes)
        if recording.img_shape is not None and keypoint.shape[-1] == 2:
            clip.update(img_shape=recording.img_shape, original_shape=recording.img_shape)
        for key in ('unit', 'events', 'estimator'):
            if getattr(recording, key):
                clip[key] = getattr(recording, key)
        if recording.layout is None and recording.joints is not None:
            clip['joint_names'] = list(recording.joints)
        yield clip


def _with_layout(recording: Recording, prefer: Layout | None, where: str) -> Recording:
    """A recording whose skeleton does not name the legs, mapped onto the layout of which it has most joints."""
    if recording.joints is None or recording.layout is not None and get_layout(recording.layout).get('legs'):
        return recording
    chosen: str | Layout | None = None
    if prefer is not None:
        with contextlib.suppress(ConfigError):
            map_joints(recording.joints, prefer)
            chosen = _known_name(prefer)
    chosen = chosen or best_layout(recording.joints)
    return recording if chosen is None else onto_layout(recording, chosen, where)


def _known_name(layout: Layout | None) -> str | Layout | None:
    """The name of a layout if it is one of ours, else the layout."""
    return next((name for name, known in LAYOUTS.items() if known is layout or known == layout), layout)
