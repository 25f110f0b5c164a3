"""Find the keypoints of videos, and draw the skeletons of any recordings.

    python -m dynstg_mm keypoints INPUT ... --out DIR --draw mp4

INPUT is a video, a file of any format that convert reads, or a folder of such files. DIR gets NAME.npz for each
recording, which every command reads: keypoints, scores, names of the joints, frame rate, size of the picture and name
of the pose estimator. With --draw it also gets the skeleton as a video, over the picture if INPUT is one. The exit
status is 1 if an input could not be read; the others are written.
"""
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dynstg_mm.commands.common import add_input_arguments, count, reader_options, run_command
from dynstg_mm.errors import ConfigError, UserError
from dynstg_mm.files import atomic_open
from dynstg_mm.skeletons import Layout, get_layout


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0], epilog='\n'.join(__doc__.split('\n')[4:]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('inputs', nargs='+', metavar='input', help='files and folders')
    add('--out', required=True, metavar='DIR', help='folder to write to')
    add('--draw', choices=('mp4', 'gif'), help='also draw the skeletons')
    add('--source', metavar='VIDEO', help='the video of the one input, to draw over')
    add('--height', type=count, help='height of the picture; by default 480, or the video\'s up to 720')
    add('--persons', type=count, default=1, help='persons to keep in each recording, those seen longest')
    add_input_arguments(parser)
    return parser.parse_args(argv)


def write_keypoints(args: argparse.Namespace) -> int:
    """Write the files; returns the exit status, 1 if an input could not be read."""
    from dynstg_mm.importers.unlabelled import find_recordings, read_unlabelled
    from dynstg_mm.inference.output_folder import file_name
    out = Path(args.out)
    if out.is_file():
        raise ConfigError(f'--out: {args.out}: a file; expected a folder or a new path.')
    failed = 0

    def report(_: str, error: Exception) -> None:
        nonlocal failed
        failed += 1
        print(f'error: {" ".join(str(error).split())}', file=sys.stderr)

    sources = find_recordings(args.inputs, args.format, report, [out])
    if args.source is not None and len(sources) != 1:
        raise ConfigError(f'--source: {args.source}: the video of one recording; there are {len(sources)}.')
    out.mkdir(parents=True, exist_ok=True)
    names: set[str] = set()
    for clip in read_unlabelled(sources, rate=args.rate, layout=args.source_layout, up=args.up,
                                reader=reader_options(args), failed=report):
        path = out / file_name(clip['frame_dir'], names)
        try:
            for ending in filter(None, ('npz', args.draw)):
                written = Path(f'{path}.{ending}')
                if written.exists() and written.samefile(clip['file']):
                    raise ConfigError(f'--out: {written}: the input; expected another folder.')
            clip = {**clip, **{key: clip[key][:args.persons] for key in ('keypoint', 'keypoint_score')
                               if clip.get(key) is not None}}
            _write_npz(Path(f'{path}.npz'), clip)
            if args.draw:
                _draw(Path(f'{path}.{args.draw}'), clip, args)
        except UserError as error:
            report(clip['file'], error)
            continue
        print('\n'.join([f'{path}.npz', *(f'note: {clip["frame_dir"]}: {note}' for note in clip['notes'])]))
    return min(1, failed)


def _write_npz(path: Path, clip: dict[str, Any]) -> None:
    import numpy as np
    arrays = {name: clip[key] for name, key in dict(
        keypoints='keypoint', keypoint_score='keypoint_score', rate='rate', img_shape='img_shape',
        estimator='estimator').items() if clip.get(key) is not None}
    if clip['layout'] is not None:
        arrays['joint_names'] = get_layout(clip['layout'])['joints']
    with atomic_open(path, 'wb') as file:
        np.savez_compressed(file, **arrays)


def _draw(path: Path, clip: dict[str, Any], args: argparse.Namespace) -> None:
    from dynstg_mm.inference.skeleton_video import write_skeleton_video
    layout: str | Layout | None = clip['layout']
    if layout is None or clip['rate'] is None:
        missing, option = ('layout', '--source-layout') if layout is None else ('rate', '--rate')
        raise ConfigError(f'{clip["file"]}: {missing}: missing; --draw needs it, use {option}.')
    source = args.source or (clip['file'] if clip['format'] == 'video' else None)
    write_skeleton_video(path, clip['keypoint'], clip.get('keypoint_score'), layout, clip['rate'], source,
                         height=args.height, img_shape=clip.get('img_shape') if source else None)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    return run_command(write_keypoints, parse_args(argv))
