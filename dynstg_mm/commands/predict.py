"""Ask a trained model about recordings.

    python -m dynstg_mm predict MODEL INPUT ... --out DIR
    python -m dynstg_mm predict CONFIG CHECKPOINT INPUT ... --out DIR

INPUT is a file of any format that convert reads, or a folder of such files; the format is recognised, and no labels are
needed. DIR gets predictions/NAME.json for each recording, its page visualizations/NAME.html, index.html, and the tables
predictions.csv and windows.csv, the answer over time. The exit status is 1 if an input could not be answered, or if an
answer was refused because nobody walks in the recording; the rest is written. After Ctrl-C, what is finished is
written, and the exit status is 130. If the command is stopped or killed, the same command resumes it.
"""
import argparse
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dynstg_mm.commands.common import add_input_arguments, count, one_line_errors, own_command, reader_options
from dynstg_mm.errors import ConfigError, UserError

if TYPE_CHECKING:
    from pathlib import Path

    from dynstg_mm.inference import Answer
    from dynstg_mm.inference.output_folder import OutputFolder
    from dynstg_mm.inference.page import PageFolder

# What becomes of a recording.
ANSWERED, REFUSED, FAILED, UNDRAWN = 'answered', 'refused', 'without an answer', 'without a video'


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0], epilog='\n'.join(__doc__.split('\n')[2:]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--list', action=_ListModels, help='list the shipped models and exit')
    add('model', help='name of a shipped model, such as koa-nm, or a config file')
    add('inputs', nargs='+', metavar='input', help='files and folders; the checkpoint (.pth) of a config comes first')
    add('--out', required=True, metavar='DIR', help='folder to write to')
    add('--weights', metavar='FILE', help='checkpoint, if it is not the first input')
    add('--persons', type=_persons, default=1, metavar='N',
        help='answer for N persons of each recording, or all; by default for the one seen longest')
    add_input_arguments(parser)
    add('--page', action=argparse.BooleanOptionalAction, default=True,
        help='write a page of each recording, with an explanation that takes about two seconds; by default on')
    add('--figures', choices=('svg', 'pdf'), help='also write figures of each recording beside its page')
    add('--video', choices=('mp4', 'gif'), help='also draw the walking skeleton, over the video if it came from one')
    add('--device', help='such as cpu or cuda:0; by default a GPU if there is one')
    add('--cfg-options', nargs='+', metavar='KEY=VALUE', default=[],
        help='override settings of the config, with which the checkpoint was trained, such as task=NAME')
    args = parser.parse_args(argv)
    if args.weights is None and args.inputs[0].endswith('.pth'):
        args.weights = args.inputs.pop(0)
    if args.figures and not args.page:
        parser.error('--figures: goes with pages, not with --no-page')
    if not args.inputs:
        parser.error('the following arguments are required: input')
    return args


class _ListModels(argparse.Action):
    """Print the models of the zoo and exit, like `--help`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from dynstg_mm.inference.zoo import zoo
        print('\n'.join(f'{model.name:20}{model.summary}' for model in zoo().values()) or 'no model is shipped')
        parser.exit()


def _persons(text: str) -> int | None:
    return None if text == 'all' else count(text)


def predict(args: argparse.Namespace, argv: Sequence[str] | None) -> int:
    """Answer the inputs; returns the exit status."""
    from collections import Counter
    from pathlib import Path

    from dynstg_mm.config import parse_cfg_options
    from dynstg_mm.importers.unlabelled import check_rate
    from dynstg_mm.inference import GaitInferencer
    from dynstg_mm.inference.output_folder import OUTPUTS, open_output
    from dynstg_mm.inference.page import PageFolder
    from dynstg_mm.inference.recordings import find
    from dynstg_mm.progress import with_bar
    if not args.out or Path(args.out).is_file():
        raise ConfigError(f'--out: {args.out or repr("")}; expected a folder or a new path.')
    check_rate(args.rate)
    inferencer = GaitInferencer(args.model, args.weights, args.device, cfg_options=parse_cfg_options(args.cfg_options))
    options = dict(rate=args.rate, layout=args.source_layout, format=args.format, persons=args.persons, up=args.up,
                   reader=reader_options(args), skip_bad=True)
    command = shlex.join(['python', *own_command('predict', argv)[1:]])
    own = [Path(args.out) / name for name in OUTPUTS]  # of an earlier call, if the folder is within an input
    found, files, states = find(args.inputs, args.format, own), 0, Counter[str]()
    with open_output(args.out, inferencer.classes, dict(
            command=command, versions=inferencer.versions, model=inferencer.fingerprint)) as out:
        pages = PageFolder(args.out, inferencer, args.figures) if args.page else None
        if out.kept:
            print(f'{args.out}: keeps {len(out.kept)} answers of the call that was stopped', flush=True)
        for name, answer in out.kept.items():
            states[_state(answer)] += 1
            if pages:
                pages.keep(answer, name)
        try:
            for source in with_bar(found, 'predicting'):
                if not out.has_file(source):
                    for answer, clip in inferencer.answers(source, skip=out.has, **options):
                        answer.command = command
                        states.update(_write(answer, clip, args, out, pages))
                        _tell(answer)
                files += 1
        except KeyboardInterrupt:
            out.stopped = True
        if pages:
            pages.close()
        else:  # it would not list these answers
            (out.folder / 'index.html').unlink(missing_ok=True)
    counts = ', '.join(f'{states[state]} {state}' for state in (ANSWERED, REFUSED, FAILED, UNDRAWN)
                       if states[state] or state == ANSWERED)
    if out.stopped:
        print(f'{args.out}: stopped; {counts}; {files} of {len(found)} files are finished. The same command resumes.',
              file=sys.stderr)
        return 130
    print(f'{args.out}: {counts}')
    return int(states[ANSWERED] < states.total())


def _state(answer: 'Answer') -> str:
    return FAILED if answer.error is not None else REFUSED if answer.predicted is None else ANSWERED


def _write(answer: 'Answer', clip: dict[str, Any], args: argparse.Namespace, out: 'OutputFolder',
           pages: 'PageFolder | None') -> list[str]:
    """Write everything about an answer; returns what became of it."""
    states = [_state(answer)]
    name = out.add(answer)
    if pages:
        pages.add(answer, clip, name)
    if args.video and answer.error is None:
        try:
            _draw(answer, clip, out.folder / 'visualizations' / f'{name}.{args.video}')
        except UserError as error:
            print(f'error: {error}', file=sys.stderr)
            states.append(UNDRAWN)
    persons = clip.get('persons', 1)
    out.finish(answer, name, 0 if UNDRAWN in states else min(args.persons or persons, persons))
    return states


def _tell(answer: 'Answer') -> None:
    """Print an answer in a line."""
    from dynstg_mm.inference.words import in_short
    if answer.error is not None:
        print(f'error: {answer.error}', file=sys.stderr)
    elif answer.predicted is None:
        why = next(doubt.text for doubt in answer.doubts if doubt.severity == 'refusal')
        print(f'refused: {answer.file or answer.clip}: {why}', file=sys.stderr)
    else:
        print(in_short(answer), flush=True)


def _draw(answer: 'Answer', clip: dict[str, Any], path: 'Path') -> None:
    """Write the skeleton video of an answer; UserError if that is not possible."""
    from dynstg_mm.inference.skeleton_video import write_skeleton_video
    from dynstg_mm.inference.words import percent
    rate, layout = clip.get('rate'), clip.get('layout')
    if rate is None or layout is None:
        raise ConfigError(f'{answer.clip}: {"layout" if layout is None else "rate"}: missing; --video needs it.')

    def caption(frame: int) -> str:
        near = min(answer.windows, key=lambda window: abs(window.start + window.end - 2 * frame / rate), default=None)
        chances = answer.probabilities if near is None else near.probabilities
        doubts = f'  ({", ".join(near.doubts)})' if near is not None and near.doubts else ''
        return '  '.join(f'{name} {percent(chance)}' for name, chance in zip(answer.classes, chances)) + doubts

    source = clip.get('file') if clip.get('format') == 'video' else None
    path.parent.mkdir(exist_ok=True)
    write_skeleton_video(path, clip['keypoint'], clip.get('keypoint_score'), layout, rate, source, caption,
                         img_shape=clip.get('img_shape') if source else None)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = parse_args(argv)
    with one_line_errors():
        return predict(args, argv)
