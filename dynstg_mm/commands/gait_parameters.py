"""Gait parameters of recordings: cadence, speed, step length, double support, ranges of motion and more.

    python -m dynstg_mm gait-parameters walks/ --out table.csv

Recordings are whatever `convert` reads; no labels are needed. The table has one row for every clip and person, and the
units in the names of its columns. A JSON file also has the foot contacts, and why a parameter is missing. The exit
status is 1 if a recording could not be used; the others are written all the same.
"""
import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dynstg_mm.commands.common import add_input_arguments, reader_options, run_command

if TYPE_CHECKING:
    import pandas as pd

# What gait parameters need of a body, for recordings that show no more.
LEGS = dict(joints=[f'{side}_{joint}' for side in ('left', 'right')
                    for joint in ('hip', 'knee', 'ankle', 'heel', 'big_toe')],
            num_node=10, center=0, inward=[(1, 0), (2, 1), (3, 2), (4, 2), (6, 5), (7, 6), (8, 7), (9, 7), (5, 0)],
            left=[0, 1, 2, 3, 4], right=[5, 6, 7, 8, 9], legs=[[0, 1, 2], [5, 6, 7]], feet=[[3, 4], [8, 9]])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('files', nargs='+', help='files, or folders of files at any depth')
    add('--out', required=True, help='table (.csv) or records (.json) to write')
    add('--layout', help='skeleton whose joints are used, mapped by name; by default the file\'s')
    add_input_arguments(parser)
    add('--reference', metavar='TABLE', help='table (.csv) of the same columns; also print how well both agree')
    add('--check-events', action='store_true',
        help='also print how well foot contacts and parameters agree with the events that c3d files list')
    args = parser.parse_args(argv)
    if not args.out.endswith(('.csv', '.json')):
        parser.error(f'--out: {args.out}; expected a name that ends with .csv or .json')
    return run_command(run, args)


def run(args: argparse.Namespace) -> int:
    """Measure, write, and report; returns the exit status."""
    import pandas as pd

    from dynstg_mm.errors import DataError, UserError
    from dynstg_mm.files import atomic_open
    from dynstg_mm.importers.recording import readable
    reference = None
    if args.reference:
        with readable(args.reference, 'CSV table'):
            reference = pd.read_csv(args.reference)
    faults: list[str] = []
    rows: list[dict[str, Any]] = []
    for clip in clips(args, faults):
        try:
            rows += [measure(person, args.unit) for person in _persons(clip, args.layout)]
        except UserError as error:
            faults.append(f'{clip["file"]}: {error}')
    for fault in faults:
        print(f'error: {fault}', file=sys.stderr)
    if not rows:
        raise DataError(f'{args.files[0]}: no recording could be measured.')
    table = pd.DataFrame([_flat(row) for row in rows])
    with atomic_open(args.out, 'w', encoding='utf-8', errors='backslashreplace', newline='') as file:
        if args.out.endswith('.csv'):
            table.to_csv(file, index=False, float_format='%.5g')
        else:
            file.write(_json(rows))
    print(f'{args.out}: {len(rows)} rows' + (f'; {len(faults)} could not be used' if faults else ''))
    if reference is not None:
        print(_against(table, reference, args.reference))
    if args.check_events:
        print(_against_events(rows))
    return int(bool(faults))


def clips(args: argparse.Namespace, faults: list[str]) -> Iterator[dict[str, Any]]:
    """Clips of all recordings; what cannot be read becomes a line of `faults`."""
    from dynstg_mm.importers.unlabelled import find_recordings, read_unlabelled
    from dynstg_mm.progress import with_bar

    def failed(path: str, error: Exception) -> None:
        text = ' '.join(str(error).split())
        faults.append(text if path in text else f'{path}: {text}')

    sources = find_recordings(args.files, args.format, failed, [args.out])
    yield from read_unlabelled(with_bar(sources, 'measuring', len(sources) > 1), rate=args.rate,
                               layout=args.source_layout, up=args.up, reader=reader_options(args), failed=failed)


def _persons(clip: dict[str, Any], layout: str | None) -> Iterator[dict[str, Any]]:
    """Clips of one person each, with a layout that has legs and a rate; ConfigError if one is unknown."""
    from dynstg_mm.errors import ConfigError
    from dynstg_mm.skeletons import get_layout, missing_joints, name_hint
    from dynstg_mm.text import few
    clip = _with_legs(clip, layout)
    if clip.get('layout') is None:
        names = clip.get('joint_names')
        raise ConfigError(f'clip {clip["frame_dir"]}: layout: unknown; ' + (
            'the joints have no names. Use --source-layout.' if names is None else
            f'no known skeleton has only joints such as {few(names)}. Name a .json file of one with --source-layout.'
            + name_hint(names, missing_joints(names, get_layout('gait_13')))))
    if clip.get('rate') is None:
        raise ConfigError(f'clip {clip["frame_dir"]}: rate: missing; use --rate.')
    for person in range(len(clip['keypoint'])):
        yield dict(clip, person=person, **{key: clip[key][person:person + 1] for key in ('keypoint', 'keypoint_score')
                                           if clip.get(key) is not None})


def _with_legs(clip: dict[str, Any], target: str | None) -> dict[str, Any]:
    """The clip on a layout, by the names of its joints; without one, on ours if its own does not name the legs."""
    from dynstg_mm.gait.joint_map import apply_joint_map
    from dynstg_mm.skeletons import best_layout, get_layout, map_joints, missing_joints
    own = None if clip.get('layout') is None else get_layout(clip['layout'])
    names = clip.get('joint_names') if own is None else own['joints']
    if not names or target is None and own is not None and own.get('legs'):
        return clip
    legs = LEGS if not missing_joints(names, LEGS) else None  # markers of the lower body alone
    layout = target or best_layout(names) or legs
    if layout is None:
        return clip
    keypoint, score = apply_joint_map(clip['keypoint'], clip.get('keypoint_score'),
                                      map_joints(names, get_layout(layout)))
    return dict(clip, keypoint=keypoint, keypoint_score=score, layout=layout)


def measure(clip: dict[str, Any], unit: str | None = None) -> dict[str, Any]:
    """The row of a clip of one person: its name, file, length and rate, gait parameters and foot contacts.

    Raises:
        ClipError, ConfigError: The clip cannot be used.
    """
    from dynstg_mm.gait.events import foot_events
    from dynstg_mm.gait.spatiotemporal import UNITS, report_of
    from dynstg_mm.gait.walk import walk_of
    walk = walk_of(clip, clip['layout'])
    unit = (unit or clip.get('unit')) if clip['keypoint'].shape[-1] == 3 else None
    metres = walk.leg * UNITS[unit] if unit is not None else None
    events = foot_events(walk)
    return dict(clip=clip['frame_dir'], file=clip['file'], person=clip['person'], frames=clip['total_frames'],
                rate=clip['rate'], seconds=clip['total_frames'] / clip['rate'], leg_length_m=metres,
                strikes=sum(event.kind == 'strike' for event in events), parameters=report_of(walk, events, metres),
                contacts=events, walk=walk, marked=clip.get('events'))


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the table."""
    import numpy as np
    cells = {key: row[key] for key in ('clip', 'file', 'person', 'frames', 'rate', 'seconds', 'leg_length_m',
                                       'strikes')}
    for record in row['parameters']:
        cells[record['name']] = record['value']
        if record['sides']:
            cells.update((f'{side}_{record["name"]}', record[side]) for side in ('left', 'right'))
    reasons: dict[str, list[str]] = {}
    for record in row['parameters']:
        if np.isnan(record['value']):
            reasons.setdefault(record['reason'], []).append(record['name'])
    cells['missing'] = '; '.join(f'{"all" if len(names) == len(row["parameters"]) else ", ".join(names)}: {reason}'
                                 for reason, names in reasons.items())
    return cells


def _json(rows: list[dict[str, Any]]) -> str:
    """Rows as JSON, a missing number as null."""
    import json
    import math
    kept = [{key: value for key, value in row.items() if key not in ('walk', 'marked')} for row in rows]
    for row in kept:
        row['contacts'] = [event._asdict() for event in row['contacts']]
        row['parameters'] = [{key: None if isinstance(value, float) and math.isnan(value) else value
                              for key, value in record.items()} for record in row['parameters']]
    return json.dumps(kept, indent=1, ensure_ascii=False, allow_nan=False) + '\n'


def _against(table: 'pd.DataFrame', reference: 'pd.DataFrame', name: str) -> str:
    """Agreement of all columns that two tables share, by clip and, if both have it, person."""
    from dynstg_mm.errors import DataError
    from dynstg_mm.gait.spatiotemporal import PARAMETERS
    keys = [key for key in ('clip', 'person') if key in reference]
    if 'clip' not in keys:
        raise DataError(f'{name}: clip: missing; expected a column clip.')
    both = table.astype({'clip': str}).merge(reference.astype({'clip': str}), on=keys, suffixes=('', ' reference'))
    columns = [parameter.name for parameter in PARAMETERS if f'{parameter.name} reference' in both]
    return _table([(column, both[column].to_numpy(float), both[f'{column} reference'].to_numpy(float))
                   for column in columns], f'{len(both)} clips, against {name}')


def _against_events(rows: list[dict[str, Any]]) -> str:
    """Agreement with the events of the files: of the contacts, and of the parameters that follow from them."""
    import numpy as np

    from dynstg_mm.errors import DataError
    from dynstg_mm.gait.agreement import NEAR, contact_errors
    from dynstg_mm.gait.spatiotemporal import report_of
    from dynstg_mm.text import markdown
    marked = [row for row in rows if row['marked']]
    if not marked:
        raise DataError('--check-events: no file lists foot contacts; expected c3d files with Foot Strike and Off.')
    lines = [['contact', 'found', 'missed', 'extra', 'mean error, ms', 'SD, ms']]
    for kind in ('strike', 'off'):
        parts = [contact_errors(row['contacts'], row['marked'], kind) for row in marked]
        errors = 1000 * np.concatenate([part[0] for part in parts])
        lines.append([f'foot {kind}', str(len(errors)), str(sum(part[1] for part in parts)),
                      str(sum(part[2] for part in parts)), f'{errors.mean():.0f}', f'{errors.std():.0f}'])
    both = []
    for row in marked:  # of the same strides
        span = min(row['marked']).time - NEAR, max(row['marked']).time + NEAR
        found = [event for event in row['contacts'] if span[0] <= event.time <= span[1]]
        both.append([{record['name']: record['value'] for record in report_of(row['walk'], events)}
                     for events in (found, row['marked'])])
    names = ('stride_duration_s', 'step_duration_s', 'step_length_legs', 'walking_speed_legs', 'stance_percent',
             'double_support_percent')
    pairs = [(name, np.array([pair[0][name] for pair in both]), np.array([pair[1][name] for pair in both]))
             for name in names]
    return f'{markdown(lines)}\n\n' + _table(pairs, f'{len(marked)} clips, against the events in the files')


def _table(pairs: list[tuple[str, Any, Any]], title: str) -> str:
    from dynstg_mm.gait.agreement import agreement
    from dynstg_mm.text import markdown
    lines = [[name, str(found.n), f'{found.r:.3f}', f'{found.bias:.3f}', f'{found.sd:.3f}',
              ' to '.join(f'{limit:.3f}' for limit in found.limits), f'{found.spread:.3f}', f'{found.relative:.1f}']
             for name, measured, reference in pairs for found in [agreement(measured, reference)] if found.n > 2]
    heads = ['parameter', 'n', 'r', 'bias', 'SD', 'limits of agreement', 'SD of the reference', 'median error, %']
    return f'{title}\n\n' + markdown([heads, *lines])
