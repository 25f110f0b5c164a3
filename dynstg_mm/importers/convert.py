"""Recordings of any reader, and a table of who walks in them, converted into one annotation file."""
import contextlib
import inspect
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dynstg_mm.datasets.annotation_file import ORIGINS
from dynstg_mm.datasets.targets import Target
from dynstg_mm.errors import ConfigError, DataError
from dynstg_mm.extras import need
from dynstg_mm.importers import LIBRARIES, MANY_CLIPS, POSE_ESTIMATORS, READERS, find_files, read_files
from dynstg_mm.importers.arrange import arrange, one_skeleton
from dynstg_mm.importers.labels import (
    Row,
    Rows,
    order_classes,
    own_labels,
    parse_rate,
    read_labels,
    unused_columns,
    with_labels,
    without_suffix,
)
from dynstg_mm.importers.left_out import LeftOut
from dynstg_mm.importers.marker_sets import with_hip_centres, with_marker_notes
from dynstg_mm.importers.pixels import in_pixels
from dynstg_mm.importers.preview import check_preview, write_preview
from dynstg_mm.importers.recording import Recording, rate_notes
from dynstg_mm.importers.rename import renamed
from dynstg_mm.importers.splits import split_clips
from dynstg_mm.importers.understood import understood
from dynstg_mm.importers.video import open_estimator
from dynstg_mm.importers.writing import by_note, check_out, drop_duplicates, listing, summary, write, written
from dynstg_mm.skeletons import Layout, get_layout, map_joints
from dynstg_mm.text import few

Clip = dict[str, Any]


def convert(format_name: str, source: str | os.PathLike, out: str | os.PathLike, *,
            labels: str | os.PathLike | Rows | None = None, classes: Sequence[str] | None = None,
            folds: Sequence[int | str] | None = None, seed: int = 0, name: str | None = None, fewer: bool = False,
            **options: Any) -> str:
    """Write an annotation file of all recordings of a format in a file or folder.

    Args:
        format_name: A key of `READERS`.
        source: File or folder.
        out: Annotation file (.pkl), replaced whole or not at all.
        labels, classes: As for `read_clips`.
        folds: A number of subject folds, 'loso', 'by-clip'; empty for none. By default 5, or as many as people in the
            smallest class. A column split takes precedence.
        seed: Seed of the folds.
        name: Name of the task, with which splits begin; by default that of `out`.
        fewer: Make folds even if a class has fewer subjects.
        **options: Options of `read_clips`.

    Returns:
        A summary.

    Raises:
        DataError, ConfigError, OSError: One line about what is wrong; `out` is then as it was.
    """
    check_out(out)
    split = partial(split_clips, name=name or Path(out).stem, folds=folds, seed=seed, fewer=fewer)
    if labels is not None and not options.get('skip_bad'):  # before the long work
        find_files(format_name, source)  # a wrong path comes before what is wrong with the folds
        rows = labels if isinstance(labels, dict) else read_labels(labels, options.get('targets'))
        order_classes(classes, rows, 'labels' if isinstance(labels, dict) else labels)
        split([dict(row, frame_dir=clip, **{'class': row['label']}) for clip, row in rows.items()])
    clips, classes, layout, lines = read_clips(format_name, source, labels=labels, classes=classes, **options)
    splits, notes = split([dict(clip, **{'class': classes[clip['label']]}) for clip in clips])
    lines += notes
    for clip in clips:
        del clip['split']
    data: dict[str, Any] = dict(split=splits, annotations=clips, classes=classes)
    if options.get('targets'):
        data['targets'] = {name: target.to_dict() for name, target in options['targets'].items()}
        lines += score_lines(clips, options['targets'])
    if layout is not None:
        data['layout'] = layout
    else:
        lines.append('note: the connections of the joints are unknown; use --layout, or set the layout in the config')
    write(data, out, shared_subjects='by-clip' in (folds or ()))
    return '\n'.join([summary(clips, classes), *lines, written(data, out)])


def read_clips(format_name: str, source: str | os.PathLike, *, labels: str | os.PathLike | Rows | None = None,
               classes: Sequence[str] | None = None, layout: str | Layout | None = None,
               source_layout: str | Layout | None = None, rate: float | None = None, up: str | None = None,
               scale: float = 1., reader: dict[str, Any] | None = None, coords: str | None = None,
               img_shape: tuple[int, int] | None = None, joint_names: Mapping[str, str] | None = None,
               max_seconds: float | None = None, keep_duplicates: bool = False, skip_bad: bool = False,
               unit: str | None = None, preview: str | os.PathLike | None = None,
               targets: Mapping[str, Target] | None = None,
               jobs: int = 1) -> tuple[list[Clip], list[str], str | Layout | None, list[str]]:
    """Annotations of all recordings of a format in a file or folder.

    Args:
        format_name: A key of `READERS`.
        source: File or folder.
        labels: Label table, as for or from `read_labels`. Only annotation files can do without.
        classes: The classes in the order of their numbers; by default sorted.
        layout: Layout to map onto; by default the format's.
        source_layout, up, scale, unit, coords, img_shape, joint_names: As for `read_recordings`.
        rate: Frames per second if the table does not have them; takes precedence over the file.
        reader: Options of the reader.
        max_seconds: Longer recordings are cut into clips `<clip>/<k>` of at most this length.
        keep_duplicates: Keep recordings that are the same to the last digit.
        skip_bad: Leave out broken files, clips without a label, and labels without a clip.
        preview: Picture of the first clip to write, also if the layout is refused.
        targets: Scores beside the class that the label table holds.
        jobs: Processes; 0 for one per core.

    Returns:
        Annotations, with the column `split` of the table or None; the classes; the layout; and lines about what was
        understood, left out or had to be decided.
    """
    _check_options(format_name, layout, source_layout, rate, scale, max_seconds, reader or {})
    check_preview(preview)
    rows = labels if isinstance(labels, dict) or labels is None else read_labels(labels, targets)
    if targets and rows is None:
        raise ConfigError(f'--score: {next(iter(targets))}: scores are columns of a label table; expected --labels.')
    table = 'labels' if isinstance(labels, dict) else labels
    if rows is None and format_name not in MANY_CLIPS:
        raise DataError(f'{source}: labels: missing; add a table with clip, subject and label (--labels).')
    if rows is not None:
        classes = order_classes(classes, rows, table)
    left_out = LeftOut(skip_bad)
    files = find_files(format_name, source, [table] if table is not None and rows is not labels else ())
    if format_name not in MANY_CLIPS and rows is not None:
        rows = without_suffix(rows, files, table)
        files = with_labels(files, rows, table, left_out)
    read = partial(read_recordings, format_name=format_name, options=reader or {}, layout=layout,
                   source_layout=source_layout, up=up, scale=scale, unit=unit, coords=coords, img_shape=img_shape,
                   joint_names=joint_names)
    results, broken = read_files(files, read, jobs=jobs, skip_bad=skip_bad)
    left_out.lines += broken
    recordings: dict[str, Recording] = {}
    paths: dict[str, Any] = {}
    for file, recording in ((file, recording) for file, part in results.items() for recording in part):
        if recording.name in recordings:
            raise DataError(f'{source}: clip {recording.name} is duplicated.')
        recordings[str(recording.name)], paths[str(recording.name)] = recording, files[file]
    if recordings and rows is None:
        rows, classes = own_labels(recordings, classes, source)
    elif format_name in MANY_CLIPS and rows is not None:
        recordings = with_labels(recordings, rows, table, left_out)
    if not recordings or rows is None or classes is None:
        raise DataError(f'{source}: no clip is left.')
    if preview is not None:
        clip, recording = next(iter(recordings.items()))
        write_preview(preview, recording, rows[clip].get('rate') or rate)
    _refuse_wrong_layout(list(recordings.values()), source)
    recordings, own_layout = one_skeleton(recordings, left_out)
    clips = []
    for clip, recording in recordings.items():
        try:
            clips.append(_annotation(recording, rows[clip], classes, rate, img_shape))
        except DataError as error:
            left_out.add(str(error))
    if not clips:
        raise DataError(f'{source}: no clip is left; the last one: {left_out.lines[-1]}')
    unused = [] if table is None or isinstance(labels, dict) else unused_columns(table, targets)
    notes = [f'{table}: columns that are not used: {", ".join(unused)}'] * bool(unused)
    read_as = understood({clip['frame_dir']: recordings[clip['frame_dir']] for clip in clips}, paths,
                         {clip['frame_dir']: clip['rate'] for clip in clips})
    notes += by_note((clip, note) for clip, recording in recordings.items() for note in recording.notes)
    clips, copies = (clips, []) if keep_duplicates else drop_duplicates(clips)
    parts = [part for clip in clips for part in cut(clip, max_seconds)]
    left_out.lines += [f'clip {part["frame_dir"]}: nobody in it' for part in parts if not part['keypoint_score'].any()]
    clips = [part for part in parts if part['keypoint_score'].any()]
    return clips, list(classes), own_layout, [*read_as, *listing('left out', left_out.lines),
                                              *listing('duplicate', copies), *listing('note', notes)]


def score_lines(clips: Sequence[Clip], targets: Mapping[str, Target]) -> list[str]:
    """A line for each target: how many clips and persons have which value."""
    lines = []
    for name, target in targets.items():
        known = [(clip['subject'], clip['targets'][name]) for clip in clips if clip['targets'][name] is not None]
        people = len({subject for subject, _ in known})
        parts = [f'{name}: {len(known)} of {len(clips)} clips have a value, of {people} people']
        if known and target.is_numeric:
            values = [value for _, value in known]
            parts.append(f'{min(values):g} to {max(values):g}')
        for grade, text in zip(target.grades, target.classes):
            own = {subject for subject, value in known if value == grade}
            parts.append(f'{text}: {len(own)} people')
        lines.append('; '.join(parts))
    return lines


def _check_options(format_name: str, layout: str | Layout | None, source_layout: str | Layout | None,
                   rate: float | None, scale: float, max_seconds: float | None, reader: dict[str, Any]) -> None:
    """Raise for a wrong option, before the long work."""
    for option, value in (('scale', scale), ('max_seconds', max_seconds)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise DataError(f'{option}: {value:g}; expected a number above 0.')
    parse_rate(rate, 'rate')
    for wanted in (layout, source_layout):
        if wanted is not None:
            get_layout(wanted)
    if format_name in LIBRARIES:
        need(*LIBRARIES[format_name])
    if format_name == 'video':
        open_estimator(**{key: value for key, value in reader.items() if key != 'persons'}).close()


def read_recordings(name: str, path: Any, *, format_name: str, options: dict[str, Any],
                    layout: str | Layout | None = None, source_layout: str | Layout | None = None,
                    up: str | None = None, scale: float = 1., unit: str | None = None, coords: str | None = None,
                    img_shape: tuple[int, int] | None = None,
                    joint_names: Mapping[str, str] | None = None) -> list[Recording]:
    """Recordings of a file, in the joints and axes of an annotation file.

    Args:
        name: Clip, if the file names none.
        path: What the reader takes.
        format_name: A key of `READERS`.
        options: Options of the reader.
        layout: Layout to map onto; by default the file's.
        source_layout: Layout of the file's joints, whatever the format implies.
        up: The file's vertical axis; by default the one along which the body stands, else the format's.
        scale: Factor of 3-D coordinates, such as 0.01 from centimetres to metres.
        unit: The file's unit of length, a key of `gait.spatiotemporal.UNITS`; by default what the file says.
        coords: What the coordinates are, one of `COORDS`; by default by their values.
        img_shape: Height and width in pixels, of which coordinates may be shares.
        joint_names: Name in the file -> name of a joint, for those that are not found by their own.

    Returns:
        With y up if they are 3-D, in pixels if they are 2-D.

    Raises:
        DataError: The file is damaged, or an option does not fit it.
    """
    program = format_name if format_name in POSE_ESTIMATORS else None
    where = Path(path[0]).parent if isinstance(path, list) else path
    known = inspect.signature(READERS[format_name]).parameters
    own = dict(coords=coords, img_shape=img_shape) if 'coords' in known else {}
    recordings = []
    for recording in READERS[format_name](path, **options, **own):
        recording = replace(recording, name=recording.name or name, estimator=recording.estimator or program)
        if not own:
            recording = in_pixels(recording, coords, img_shape, where)
        recording = with_unit(renamed(recording, joint_names, where), unit)
        recording = with_marker_notes(with_hip_centres(with_source_layout(recording, source_layout, where)))
        recordings.append(arrange(recording, layout, up, scale, where))
    return recordings


def with_unit(recording: Recording, unit: str | None) -> Recording:
    """The recording with the unit of length that the user gives, and a note if the file has another one."""
    if unit is None or recording.keypoint.shape[-1] == 2 or unit == recording.unit:
        return recording
    notes = [f'the unit is {unit} as given; the file has {recording.unit}'] * (recording.unit is not None)
    return replace(recording, unit=unit, notes=recording.notes + notes)


def with_source_layout(recording: Recording, layout: str | Layout | None, where: str | os.PathLike) -> Recording:
    """The recording with the layout that the user names; DataError if it cannot be that of the file."""
    if layout is None or layout == recording.layout:
        return recording
    own, count = get_layout(layout), recording.keypoint.shape[2]
    if recording.joints is not None:
        places: list[tuple[int, ...]] = []
        with contextlib.suppress(ConfigError):
            places = map_joints(recording.joints, own)
        if sorted(itertools.chain.from_iterable(places)) != list(range(count)):
            raise DataError(f'{where}: --source-layout: another skeleton than that of the file, which names its joints '
                            f'({few(recording.joints)}). Leave it out: they are mapped by their names.')
    if count != own['num_node']:
        raise DataError(f'{where}: --source-layout: {own["num_node"]} joints; the file has {count}.')
    notes = [f'joints in the order of the given skeleton, not of {recording.layout}'] * isinstance(
        recording.layout, str)
    return replace(recording, layout=layout, notes=recording.notes + notes)


def _refuse_wrong_layout(recordings: Sequence[Recording], source: str | os.PathLike) -> None:
    """Raise if most recordings cannot have the layout, one of ours, that they are said to have."""
    wrong = [recording.wrong_layout for recording in recordings if recording.wrong_layout]
    if 2 * len(wrong) > len(recordings):
        raise DataError(f'{source}: layout: in {len(wrong)} of {len(recordings)} clips {wrong[0]}.')


def _annotation(recording: Recording, row: Row, classes: Sequence[str], rate: float | None,
                img_shape: Sequence[int] | None) -> Clip:
    """Annotation of a recording; a rate of the table or the user takes precedence over the file's."""
    keypoint = recording.keypoint
    chosen = row.get('rate') or rate or parse_rate(recording.rate, f'clip {recording.name}: rate')
    if chosen is None:
        raise DataError(f'clip {recording.name}: rate: missing; add a column rate to the table, or use --rate.')
    recording.notes += rate_notes(chosen, recording.rate)
    clip = dict(frame_dir=recording.name, subject=row['subject'], label=list(classes).index(row['label']),
                rate=chosen, total_frames=keypoint.shape[1], keypoint=keypoint,
                keypoint_score=recording.keypoint_score, split=row.get('split') or None)
    origins = {field: row.get(field) or None for field in ORIGINS}
    origins['estimator'] = origins['estimator'] or recording.estimator
    clip.update((field, value) for field, value in origins.items() if value is not None)
    if row.get('targets'):
        clip['targets'] = dict(row['targets'])
    if recording.unit is not None:
        clip['unit'] = recording.unit
    if recording.events and chosen == parse_rate(recording.rate, f'clip {recording.name}: rate'):
        clip['events'] = [tuple(event) for event in recording.events]  # plain, as annotation files are
    shape = img_shape or recording.img_shape
    if shape is not None and keypoint.shape[-1] == 2:
        clip.update(img_shape=tuple(shape), original_shape=tuple(shape))
    return clip


def cut(clip: Clip, seconds: float | None) -> list[Clip]:
    """The clip, or parts `<clip>/<k>` of about equal length if it is longer than `seconds`."""
    frames = clip['total_frames']
    most = int(seconds * clip['rate']) if seconds else frames
    if most < 1:
        raise DataError(f'clip {clip["frame_dir"]}: {seconds:g} s are less than a frame at {clip["rate"]:g} per '
                        'second.')
    if frames <= most:
        return [clip]
    bounds = np.linspace(0, frames, -(-frames // most) + 1).astype(int)
    return [dict(clip, frame_dir=f'{clip["frame_dir"]}/{part}', total_frames=int(stop - start),
                 **{key: clip[key][:, start:stop].copy() for key in ('keypoint', 'keypoint_score')},
                 **({'events': [(time - start / clip['rate'], *about) for time, *about in clip['events']]}
                    if 'events' in clip else {}))
            for part, (start, stop) in enumerate(zip(bounds, bounds[1:]))]
