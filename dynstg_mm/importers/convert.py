"""Recordings of any reader, and a table of who walks in them, into one annotation file."""
import inspect
import unicodedata
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from dynstg_mm.datasets.exact_copies import exact_copies
from dynstg_mm.datasets.folds import (
    leaking_folds,
    leave_one_subject_out,
    split_family,
    split_task,
    subject_folds,
)
from dynstg_mm.errors import DataError
from dynstg_mm.files import dump_pickle
from dynstg_mm.gait.joint_map import apply_joint_map
from dynstg_mm.gait.signal import RATES, is_rate
from dynstg_mm.importers import COORDS, LIBRARIES, READERS, SUFFIXES, csv_rows, find_files, need, read_files
from dynstg_mm.skeletons import LAYOUTS, get_layout, map_joints

COLUMNS = ('clip', 'subject', 'label', 'rate', 'split')
# Rotations (never mirror images, which would swap left and right) that turn an axis into y, as rows of a matrix.
UPRIGHT = {
    'y': ((1, 0, 0), (0, 1, 0), (0, 0, 1)), '-y': ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    'z': ((1, 0, 0), (0, 0, 1), (0, -1, 0)), '-z': ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    'x': ((0, -1, 0), (1, 0, 0), (0, 0, 1)), '-x': ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
}




def add_arguments(parser):
    """Options that the converters of any format share.

    Args:
        parser (argparse.ArgumentParser): Gets them.
    """
    add = parser.add_argument
    add('format', choices=READERS, help='what wrote the files')
    add('input', help='file or folder')
    add('--layout', help=f'skeleton that is wanted, if not the format\'s own: {", ".join(LAYOUTS)}, or a .json file')
    add('--source-layout', help='skeleton of the input, where neither the format nor the file says')
    add('--rate', type=float, help='frames per second, where the table does not say')
    add('--up', choices=UPRIGHT, help='vertical axis of 3-D input, as --up=-y; by default the format\'s, for c3d z')
    add('--scale', type=float, default=1., help='factor of 3-D coordinates, such as 0.001 from mm to m')
    add('--img-shape', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'), help='size of the image in pixels')
    add('--coords', choices=COORDS, help='mediapipe: what the landmarks are')
    add('--dims', type=int, choices=(2, 3), help='npz: how many of three numbers are coordinates')
    add('--persons', type=int, default=1, help='persons to keep of each clip, those seen longest')
    add('--max-seconds', type=float, help='cut longer recordings into clips of at most this length')
    add('--skip-bad', action='store_true', help='leave out broken files, clips without a label, labels without a clip')
    add('--keep-duplicates', action='store_true', help='keep recordings that are the same to the last digit')
    add('--jobs', type=int, default=0, help='processes; by default one a core')


def clip_options(args):
    """Options of `read_clips` on the command line; DataError where the format's reader does not have one."""
    if args.persons < 1 or args.jobs < 0:
        raise DataError('--persons and --jobs: expected whole numbers from 1 (0 jobs for one a core).')
    if args.img_shape is not None and min(args.img_shape) < 1:
        raise DataError('--img-shape: expected height and width in pixels.')
    chosen = dict(persons=args.persons if args.persons != 1 else None, coords=args.coords, dims=args.dims)
    chosen = {key: value for key, value in chosen.items() if value is not None}
    known = inspect.signature(READERS[args.format]).parameters
    for key in chosen:
        if key not in known:
            formats = [name for name, reader in READERS.items() if key in inspect.signature(reader).parameters]
            raise DataError(f'--{key}: {args.format} does not have it; it is for {", ".join(formats)}.')
    if 'img_shape' in known:
        chosen['img_shape'] = args.img_shape
    return dict(layout=_name_or_dict(args.layout), source_layout=_name_or_dict(args.source_layout), rate=args.rate,
                up=args.up, scale=args.scale, reader=chosen, img_shape=args.img_shape, max_seconds=args.max_seconds,
                keep_duplicates=args.keep_duplicates, skip_bad=args.skip_bad, jobs=args.jobs)


def _name_or_dict(layout):
    """A layout as the annotation file is to have it: the name of one of ours, or all of the user's own."""
    return layout if layout is None or layout in LAYOUTS else get_layout(layout)


def read_labels(path):
    """Table of the clips: CSV with the columns clip, subject, label, and perhaps rate and split.

    Args:
        path (str | Path): The file, by comma, semicolon or tab.

    Returns:
        dict[str, dict]: Clip -> its row, `rate` as a number.

    Raises:
        DataError, DataError: The file cannot be read, a column or cell is missing, or a clip stands there twice.
    """
    header, rows = csv_rows(path)
    header = [name.lower() for name in header]
    missing = [name for name in COLUMNS[:3] if name not in header]
    if missing:
        raise DataError(f'{path}: header: no column {missing[0]}; expected clip, subject, label, and perhaps '
                              'rate and split.')
    labels = {}
    for number, cells in enumerate(rows, 2):
        row = {name: cell.strip() for name, cell in zip(header, cells) if name in COLUMNS}
        where = f'{path}: line {number}'
        empty = [name for name in COLUMNS[:3] if not row[name]]
        if empty:
            raise DataError(f'{where}: {empty[0]}: empty; expected one of every clip.')
        clip = unicodedata.normalize('NFC', row.pop('clip'))  # file systems and spreadsheets write letters differently
        if clip in labels:
            raise DataError(f'{where}: clip: {clip} stands there twice.')
        row['rate'] = parse_rate(row.get('rate'), f'{where}: clip {clip}: rate')
        labels[clip] = row
    return labels


def parse_rate(text, where):
    """Frames per second as a number, None of an empty cell; DataError where it is none."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.
    if not is_rate(value):
        raise DataError(f'{where}: {text!r}; expected frames per second, {RATES[0]} to {RATES[1]}.')
    return value


def read_recordings(name, path, *, kind, options, layout=None, source_layout=None, up=None, scale=1.):
    """Recordings of a file, in the joints and axes of an annotation file.

    Args:
        name (str): Clip, where the file names none.
        path (Path | list[Path]): What the reader takes.
        kind (str): A key of `READERS`.
        options (dict): Of the reader.
        layout (str | dict, optional): Layout whose joints are wanted, in place of the file's.
        source_layout (str | dict, optional): Layout of the file, where it does not say.
        up (str, optional): The file's vertical axis, in place of what the format implies.
        scale (float): Factor of 3-D coordinates, such as 0.01 from centimetres to metres.

    Returns:
        list[Recording]: With y up where they are 3-D.
    """
    found = [replace(recording, name=recording.name or name, layout=recording.layout or source_layout)
             for recording in READERS[kind](path, **options)]
    return [arrange(recording, layout, up, scale, path) for recording in found]


def arrange(recording, layout=None, up=None, scale=1., path=None):
    """The recording with the joints of `layout`, or of its own layout, y up, and another unit of length."""
    where = f'{path[0].parent if isinstance(path, list) else path}: clip {recording.name}'
    keypoint, score, joints, own = (recording.keypoint, recording.keypoint_score, recording.joints, recording.layout)
    if keypoint.shape[-1] == 3:
        keypoint = (keypoint @ np.array(UPRIGHT[up or recording.up], np.float32).T * np.float32(scale)) + np.float32(0)
    target = layout if layout is not None else own
    if target is not None:
        complete = get_layout(target)
        names = joints if joints is not None else get_layout(own)['joints'] if own is not None else None
        if names is not None and list(names) != list(complete['joints']):
            try:
                keypoint, score = apply_joint_map(keypoint, score, map_joints(names, complete))
            except ValueError as error:
                raise DataError(f'{where}: {error}') from None
        if keypoint.shape[2] != complete['num_node']:
            raise DataError(f'{where}: keypoint: {keypoint.shape[2]} joints; the layout has {complete["num_node"]}.')
        if not score.any():
            raise DataError(f'{where}: keypoint: none of the layout\'s joints is seen in any frame.')
        joints = complete['joints']
    return replace(recording, keypoint=keypoint, keypoint_score=score, joints=joints, layout=target)


def convert(kind, source, out, *, labels=None, classes=None, folds=(5, ), seed=0, name=None, fewer=False, **options):
    """Write an annotation file of all recordings of a format in a file or folder.

    Args:
        kind (str): A key of `READERS`.
        source (str | Path): File or folder.
        out (str | Path): Annotation file (.pkl), replaced whole or not at all.
        labels, classes: As for `read_clips`.
        folds (Sequence[int | str]): A number of subject folds, 'loso', 'by-clip'; empty for none. A column split goes
            before.
        seed (int): Seed of the folds.
        name (str, optional): Name of the task, with which splits begin; else that of `out`.
        fewer (bool): Make folds even where a class has fewer subjects.
        **options: Of `read_clips`.

    Returns:
        str: A summary.

    Raises:
        DataError, DataError, ValueError, OSError: One line that says what is wrong; `out` is then as it was.
    """
    check_out(out)
    split = partial(_splits, name=name or Path(out).stem, folds=folds, seed=seed, fewer=fewer)
    if labels is not None and not options.get('skip_bad'):  # before the long work
        rows = labels if isinstance(labels, dict) else read_labels(labels)
        split([dict(row, frame_dir=clip, **{'class': row['label']}) for clip, row in rows.items()])
    clips, classes, layout, lines = read_clips(kind, source, labels=labels, classes=classes, **options)
    for clip in clips:
        clip['class'] = classes[clip['label']]  # for messages
    splits, more = split(clips)
    lines += more
    for clip in clips:
        del clip['class'], clip['split']
    data = dict(split=splits, annotations=clips, classes=classes)
    if layout is not None:
        data['layout'] = layout
    else:
        lines.append('note: nothing says how the joints are connected; --layout, or a layout in the config, does')
    write(data, out)
    return '\n'.join([summary(clips, classes), *lines, written(data, out)])


def read_clips(kind, source, *, labels=None, classes=None, layout=None, source_layout=None, rate=None, up=None,
               scale=1., reader=None, img_shape=None, max_seconds=None, keep_duplicates=False, skip_bad=False, jobs=1):
    """Annotations of all recordings of a format in a file or folder.

    Args:
        kind (str): A key of `READERS`.
        source (str | Path): File or folder.
        labels (str | Path | dict, optional): Label table, as for or from `read_labels`. Only annotation files may do
            without.
        classes (Sequence[str], optional): The classes in the order of their numbers; else sorted.
        layout (str | dict, optional): Layout whose joints are wanted; else the format's.
        rate (float, optional): Frames per second, where the table does not say; goes before what the file says.
        source_layout, up, scale: As for `read_recordings`.
        reader (dict, optional): Options of the reader.
        img_shape (tuple[int, int], optional): Height and width in pixels.
        max_seconds (float, optional): Longer recordings are cut into clips `<clip>/<k>` of at most this length.
        keep_duplicates (bool): Keep recordings that are the same to the last digit.
        skip_bad (bool): Leave out broken files, clips without a label, and labels without a clip.
        jobs (int): Processes; 0 for one a core.

    Returns:
        tuple[list[dict], list[str], str | dict | None, list[str]]: Annotations, with the column `split` of the table or
        None; the classes; the layout; and lines on what was left out or had to be decided.
    """
    for option, value in (('scale', scale), ('max_seconds', max_seconds)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise DataError(f'{option}: {value:g}; expected a number above 0.')
    if rate is not None and not is_rate(rate):
        raise DataError(f'rate: {rate:g}; expected frames per second, {RATES[0]} to {RATES[1]}.')
    for wanted in (layout, source_layout):
        if wanted is not None:
            get_layout(wanted)  # raises before the long work
    if kind in LIBRARIES:
        need(*LIBRARIES[kind])
    rows = labels if isinstance(labels, dict) or labels is None else read_labels(labels)
    table = 'labels' if isinstance(labels, dict) else labels
    if rows is None and kind != 'mmaction':
        raise DataError(f'{source}: labels: missing; expected a table with clip, subject and label (--labels).')
    classes = _classes(classes, rows, table)
    files, bad = find_files(kind, source, table if rows is not labels else None), []
    if kind != 'mmaction':
        rows = _without_suffix(rows, kind, table)
        files = _with_labels(files, rows, table, skip_bad, bad)
    read = partial(read_recordings, kind=kind, options=reader or {}, layout=layout,
                   source_layout=source_layout, up=up, scale=scale)
    results, broken = read_files(files, read, jobs=jobs, skip_bad=skip_bad)
    bad += broken
    recordings = {}
    for recording in (recording for found in results.values() for recording in found):
        if recording.name in recordings:
            raise DataError(f'{source}: clip {recording.name} stands there twice.')
        recordings[recording.name] = recording
    if kind == 'mmaction':
        rows, classes = _own_labels(recordings, rows, classes, source)
        recordings = _with_labels(recordings, rows, table, skip_bad, bad)
    if not recordings:
        raise DataError(f'{source}: no clip is left.')
    recordings, layout = _one_skeleton(recordings, skip_bad, bad)
    clips = []
    for clip, recording in recordings.items():
        try:
            clips.append(_annotation(recording, rows[clip], classes, rate, img_shape))
        except DataError as error:
            _or_skip(str(error), skip_bad, bad)
    if not clips:
        raise DataError(f'{source}: no clip is left; the last one: {bad[-1]}')
    notes = [f'{clip}: {note}' for clip, recording in recordings.items() for note in recording.notes]
    doubles = []
    if not keep_duplicates:
        clips, doubles = drop_duplicates(clips)
    parts = [part for clip in clips for part in cut(clip, max_seconds)]
    clips = [part for part in parts if part['keypoint_score'].any()]
    bad += [f'clip {part["frame_dir"]}: nobody in it' for part in parts if not part['keypoint_score'].any()]
    return clips, list(classes), layout, [*listing('left out', bad), *listing('duplicate', doubles),
                                          *listing('note', notes)]


def check_out(out):
    """Refuse, before the long work, what cannot be written."""
    if Path(out).is_dir():
        raise DataError(f'{out}: a folder; expected the name of the file to write.')


def _classes(classes, rows, table):
    """Names of the classes in their order."""
    if rows is None:
        return classes
    there = {row['label'] for row in rows.values()}
    if classes is None:
        return sorted(there, key=lambda label: (0, int(label), label) if label.isdigit() else (1, 0, label))
    if len(set(classes)) < len(classes):
        raise DataError(f'classes: {", ".join(classes)}: one stands there twice.')
    for clip, row in rows.items():
        if row['label'] not in classes:
            raise DataError(f'{table}: clip {clip}: label: {row["label"]!r}; the classes are '
                                  f'{", ".join(classes)}.')
    return list(classes)


def _without_suffix(rows, kind, table):
    """The table by names of clips, where it may have those of files."""
    plain = {}
    for clip, row in rows.items():
        suffix = next((suffix for suffix in SUFFIXES[kind] if clip.lower().endswith(suffix)), '')
        if plain.setdefault(clip[:len(clip) - len(suffix)], row) is not row:
            raise DataError(f'{table}: clip: {clip} stands there twice, with and without {suffix}.')
    return plain


def _with_labels(found, rows, table, skip_bad, bad):
    """What was found and has a row in the table; the rest is an error, or with `skip_bad` a line in `bad`."""
    for name in found:
        if name not in rows:
            _or_skip(f'{table}: clip {name}: no line in the table; it has {_few(rows)}.', skip_bad, bad)
    for name in rows:
        if name not in found:
            _or_skip(f'{table}: clip {name}: no such recording; there are {_few(found)}.', skip_bad, bad)
    kept = {name: value for name, value in found.items() if name in rows}
    if not kept:
        raise DataError(f'{table}: none of its clips is a recording; there are {_few(found)}.')
    return kept


def _or_skip(line, skip_bad, bad):
    if not skip_bad:
        raise DataError(line)
    bad.append(line)


def _few(names):
    names = list(names)
    return ', '.join(names[:3]) + (f' and {len(names) - 3} more' if len(names) > 3 else '') or 'none'


def _own_labels(recordings, rows, classes, source):
    """Rows out of the annotations themselves, for which the table, where there is one, need only have the rest."""
    if rows is not None:
        return rows, classes
    first = next(iter(recordings.values())).fields.get('classes')
    rows = {}
    for clip, recording in recordings.items():
        missing = [key for key in ('subject', 'label') if key not in recording.fields]
        if missing:
            raise DataError(f'{source}: clip {clip}: {missing[0]}: missing; a table with clip, subject and label '
                                  'tells it (--labels).')
        label = recording.fields['label']
        if isinstance(label, bool) or not isinstance(label, (int, np.integer)) or label < 0 or (
                first is not None and label >= len(first)):
            raise DataError(f'{source}: clip {clip}: label: {label!r}; expected a class number from 0.')
        rows[clip] = dict(subject=str(recording.fields['subject']), label=str(first[label] if first else label))
    if classes is None:
        classes = [str(label) for label in first] if first else None
    return rows, _classes(classes, rows, source)


def _one_skeleton(recordings, skip_bad, bad):
    """Recordings with the skeleton of most of them, and its layout; they may differ only in the order of named joints."""
    kinds = Counter(map(_skeleton, recordings.values()))
    first, model = next((name, recording) for name, recording in recordings.items()
                        if _skeleton(recording) == kinds.most_common(1)[0][0])
    kept = {}
    for name, recording in recordings.items():
        fault = _differs(recording, model)
        if fault is not None:
            _or_skip(f'clip {name}: {fault} clip {first}; --layout maps both onto one skeleton.', skip_bad, bad)
            continue
        if recording.joints is not None and model.joints is not None:
            order = [list(recording.joints).index(joint) for joint in model.joints]
            recording = replace(recording, keypoint=recording.keypoint[:, :, order],
                                keypoint_score=recording.keypoint_score[:, :, order])
        kept[name] = recording
    return kept, model.layout


def _skeleton(recording):
    return recording.keypoint.shape[2:], None if recording.joints is None else frozenset(recording.joints)


def _differs(recording, model):
    """How the skeletons of two recordings differ, as the beginning of a sentence, or None."""
    (shape, joints), (other_shape, other_joints) = _skeleton(recording), _skeleton(model)
    if shape != other_shape:
        return (f'keypoint: {shape[0]} joints of {shape[1]} coordinates, not {other_shape[0]} of {other_shape[1]} as in')
    if None not in (joints, other_joints) and joints != other_joints:
        return f'joints: {_few(sorted(joints ^ other_joints))} only in one of it and'
    return None


def _annotation(recording, row, classes, rate, img_shape):
    """Annotation of a recording. What the user says of the rate goes before what the file says."""
    keypoint = recording.keypoint
    found = row.get('rate') or rate or recording.rate
    if found is None:
        raise DataError(f'clip {recording.name}: rate: missing; a column rate or --rate tells the frames per '
                              'second.')
    if not is_rate(found):
        raise DataError(f'clip {recording.name}: rate: {found!r}; expected frames per second, {RATES[0]} to '
                              f'{RATES[1]}.')
    if recording.rate and abs(found / recording.rate - 1) > 0.01:
        recording.notes.append(f'{found:g} frames per second as told; the file says {recording.rate:g}')
    clip = dict(frame_dir=recording.name, subject=row['subject'], label=classes.index(row['label']),
                rate=float(found), total_frames=keypoint.shape[1], keypoint=keypoint,
                keypoint_score=recording.keypoint_score, split=row.get('split') or None)
    shape = img_shape or recording.img_shape
    if shape is not None and keypoint.shape[-1] == 2:
        clip.update(img_shape=tuple(shape), original_shape=tuple(shape))
    return clip


def drop_duplicates(clips):
    """Clips without those whose keypoints are another's to the last digit.

    Args:
        clips (list[dict]): Annotations.

    Returns:
        tuple[list[dict], list[str]]: The first of each, and a line on every other.

    Raises:
        DataError: The same recording has two labels.
    """
    by_name, kept, lines = {clip['frame_dir']: clip for clip in clips}, [], []
    for first, *others in exact_copies({name: clip['keypoint'] for name, clip in by_name.items()}):
        kept.append(by_name[first])
        for other in others:
            if by_name[other]['label'] != by_name[first]['label']:
                raise DataError(f'clip {other}: label: the same recording as {first}, which has another label; '
                                '--keep-duplicates keeps both.')
            lines.append(f'{other} is the same recording as {first}; left out')
    return kept, lines


def cut(clip, seconds):
    """The clip, or parts `<clip>/<k>` of about equal length where it is longer than `seconds` (None for any length)."""
    frames = clip['total_frames']
    most = int(seconds * clip['rate']) if seconds else frames
    if most < 1:
        raise DataError(f'clip {clip["frame_dir"]}: {seconds:g} s are less than a frame at {clip["rate"]:g} per '
                              'second.')
    if frames <= most:
        return [clip]
    bounds = np.linspace(0, frames, -(-frames // most) + 1).astype(int)
    return [dict(clip, frame_dir=f'{clip["frame_dir"]}/{part}', total_frames=int(stop - start),
                 **{key: clip[key][:, start:stop].copy() for key in ('keypoint', 'keypoint_score')})
            for part, (start, stop) in enumerate(zip(bounds, bounds[1:]))]


def _splits(clips, name, folds, seed, fewer):
    """Splits of the table's column, else folds, and notes."""
    splits = _column_splits(clips)
    if not splits:
        try:
            return make_splits(clips, name, folds, label='class', seed=seed, fewer=fewer), []
        except ValueError as error:
            raise DataError(f'{error} --folds asks for other folds, or for none.') from None
    without = sum(not clip.get('split') for clip in clips)
    notes = [f'note: {without} of {len(clips)} clips have nothing in the column split, and are in none'] * bool(without)
    return splits, notes + [f'note: split {split}: neither train, val nor test in its name, so that nobody can tell '
                            'which other split it must not share a subject with'
                            for split in splits if split_family(split) is None]


def _column_splits(clips):
    """Splits of the table's column, or none."""
    splits, where = {}, {}
    for clip in (clip for clip in clips if clip.get('split')):
        splits.setdefault(clip['split'], []).append(clip['frame_dir'])
        other = where.setdefault(clip['subject'], clip['split'])
        if other != clip['split']:
            raise DataError(f'clip {clip["frame_dir"]}: split: {clip["split"]}, and subject {clip["subject"]} '
                                  f'has clips in {other}; a person belongs to one side only.')
    return splits


def make_splits(clips, name, folds, *, label='label', seed=0, fewer=False):
    """Splits by subject: `<name>_fold<k>_*` for a number of folds, `<name>_loso_fold<k>_*` for leaving one out; and by
    clip, which leaks, `<name>_by_clip_fold<k>_*`.

    Args:
        clips (list[dict]): Annotations.
        name (str): Name of the task.
        folds (Sequence[int | str]): A number of folds, 'loso', and 'by-clip' for 5 folds by clip.
        label (str): Field to stratify by.
        seed (int): Seed of the folds.
        fewer (bool): As for `subject_folds`.

    Returns:
        dict[str, list[str]]: Split name -> names of its clips.

    Raises:
        ValueError: As of `subject_folds`, or there are two numbers of folds, which would have the same names.
    """
    numbers = [count for count in folds if isinstance(count, int)]
    if len(numbers) > 1:
        raise ValueError(f'folds: {" and ".join(map(str, numbers))}; expected one number, whose folds are {name}_fold<k>.')
    splits = {}
    for count in folds:
        if count == 'loso':
            splits.update(leave_one_subject_out(clips, f'{name}_loso', label=label))
        elif count == 'by-clip':
            splits.update(leaking_folds(clips, f'{name}_by_clip', label=label, seed=seed))
        else:
            splits.update(subject_folds(clips, name, label=label, folds=count, seed=seed, fewer=fewer))
    return splits


def write(data, out):
    """Write the annotation file, whole or not at all; an error of the disk names the file."""
    try:
        dump_pickle(data, out)
    except OSError as error:
        raise DataError(f'{out}: not written, and left as it was: {error.strerror or error}.') from None


def summary(clips, classes):
    """Table of the classes: subjects, clips, rates, lengths, share of lost joints."""
    groups = [(name, [clip for clip in clips if clip['label'] == index]) for index, name in enumerate(classes)]
    rows = [['class', 'subjects', 'clips', 'rates per s', 'seconds', 'lost joints']]
    for name, members in [*groups, ('all', clips)]:
        if not members:
            rows.append([name, '0', '0', '', '', ''])
            continue
        rates = sorted({clip['rate'] for clip in members})
        seconds = [clip['total_frames'] / clip['rate'] for clip in members]
        lost = sum((clip['keypoint_score'] == 0).sum() for clip in members) / sum(
            clip['keypoint_score'].size for clip in members)
        rates = [f'{rate:g}' for rate in rates]
        rows.append([name, str(len({clip['subject'] for clip in members})), str(len(members)),
                     ', '.join(rates) if len(rates) < 5 else f'{rates[0]} to {rates[-1]}',
                     f'{min(seconds):.1f} to {max(seconds):.1f}, median {np.median(seconds):.1f}', f'{lost:.1%}'])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return '\n'.join('  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def listing(kind, lines, most=20):
    """Lines for people, the first of many."""
    shown = [f'{kind}: {line}' for line in lines[:most]]
    if len(lines) > 1:
        shown.append(f'{kind}: {len(lines)} in all')
    return shown


def written(data, out):
    """Last line of a summary."""
    names = sorted({split_task(split) for split in data['split']})
    return f'{out}: {len(data["annotations"])} clips, {len(data["split"])} splits ({", ".join(names) or "none"})'
