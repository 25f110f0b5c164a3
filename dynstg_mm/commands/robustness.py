"""How much models lose as the recordings get worse: lost joints, noise, a lower rate, a shorter clip.

    python -m dynstg_mm cross-validate CONFIG CONFIG --out work_dirs/koa_nm --keep-checkpoints
    python -m dynstg_mm robustness work_dirs/koa_nm --models small large st-gcn --baseline st-gcn \\
        --out work_dirs/koa_nm/robustness
    python -m dynstg_mm robustness work_dirs/koa_nm/robustness/robustness.json --out work_dirs/again
    python -m dynstg_mm robustness FIRST.json SECOND.json --out work_dirs/together

Every checkpoint is tested on its own fold, with the recordings of the test part corrupted; a corruption is the same for
all models. Joints are lost, and clips cut, in the time that shows the person, so that every clip can still be tested. Noise
is as strong after the low-pass, whatever the rate of a recording, which may go with its class. Out come robustness.json (every
clip's scores, the command and the versions), robustness.md and robustness.png; the second call makes the latter two anew, of
all models and corruptions or some; the third puts the models of several files, of the same clips, into one.
"""
import argparse
import copy
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from mmaction.registry import MODELS
from mmaction.utils import register_all_modules
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.runner import Runner, load_checkpoint
from rich.progress import track

import dynstg_mm  # noqa: F401  before torch
from dynstg_mm.benchmark.cost import versions
from dynstg_mm.benchmark.figures import MARKERS
from dynstg_mm.benchmark.results import INTEGERS, TEXT, TEXTS, merged_versions, score_fault, united
from dynstg_mm.benchmark.runs import shown_command
from dynstg_mm.benchmark.statistics import mean_scores, share_of_loss, subject_interval
from dynstg_mm.benchmark.tables import markdown
from dynstg_mm.commands.common import one_line_errors, own_command
from dynstg_mm.files import atomic_open, read_json

# kind -> title, transform, its argument, values from mild to severe
KINDS = dict(
    joints=('joints lost, share of the time', 'LoseJoints', 'share', (0.1, 0.2, 0.3, 0.4, 0.5)),
    noise=('noise [leg lengths]', 'AddNoise', 'sigma', (0.01, 0.02, 0.05, 0.1)),
    rate=('frames per second', 'LowerRate', 'rate', (20, 15, 12, 10)),
    seconds=('length of the clip [s]', 'CutClip', 'seconds', (2.5, 2, 1.5, 1)))
AS_IT_IS = 'as it is'
FORMAT = 'dynstg_mm robustness 1'
SCHEMA = dict(type='object', properties=dict(
    format=dict(const=FORMAT, description=f'{FORMAT!r}, as this tool writes it'),
    kinds=dict(type='array', items=dict(enum=list(KINDS), description=f'one of {", ".join(KINDS)}'), minItems=1),
    baseline=TEXT, command=TEXT, versions=dict(type='object', additionalProperties=TEXT),
    clips=dict(type='object', properties=dict(clip=dict(TEXTS, minItems=1), subject=TEXTS, label=INTEGERS),
               required=['clip', 'subject', 'label']),
    # of a condition the seeds, of a seed the clips, whose numbers `score_fault` looks at
    models=dict(type='object', additionalProperties=dict(type='array', items=dict(
        type='array', items=dict(type='array', items=dict(type='array')), minItems=1), minItems=1,
        description='a list of conditions'), minProperties=1)),
    required=['format', 'kinds', 'baseline', 'clips', 'models'])
RUN = dict(type='object', required=['record'], properties=dict(record=dict(  # run.json
    type='object', required=['config'], properties=dict(config=dict(type='object', required=['model', 'test_dataloader'])))))


def parse_args(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('sources', nargs='+', metavar='source',
                        help='--out of a cross_validate.py call with --keep-checkpoints, or one or more robustness.json')
    parser.add_argument('--models', nargs='+', help='names of its models; by default all of a robustness.json')
    parser.add_argument('--seeds', nargs='+', type=int, help='by default all')
    parser.add_argument('--baseline', help='the model whose loss the others\' is compared with; by default the last')
    parser.add_argument('--kinds', nargs='+', choices=list(KINDS), help='by default all')
    parser.add_argument('--out', required=True, help='folder for robustness.json, .md and .png')
    return parser.parse_args(argv)


def find_runs(folder, model, seeds):
    """Settings of a model's runs and their checkpoints, by seed."""
    runs = {}
    for notes in sorted(Path(folder).glob(f'runs/{model}/seed*/fold*/run.json')):
        if seeds and notes.parts[-3] not in {f'seed{seed}' for seed in seeds}:
            continue
        last = notes.with_name('last_checkpoint')
        path = notes.with_name(Path(last.read_text().strip()).name) if last.is_file() else None
        if path is None or not path.is_file() or not notes.with_name('predictions.json').is_file():
            raise ValueError(f'{notes.parent}: no checkpoint of a finished run; cross_validate.py --keep-checkpoints with a '
                             'new --out keeps it, and --seeds leaves out what is not finished.')
        runs.setdefault(notes.parts[-3], []).append((read_json(notes, RUN)['record']['config'], path))
    if not runs:
        raise ValueError(f'{folder}: runs/{model}: no runs{" of these seeds" if seeds else ""}; expected the --out of '
                         'cross_validate.py.')
    return runs


def conditions(kinds):
    """Pairs of kind and value, the recordings as they are first."""
    return [(AS_IT_IS, None), *((kind, value) for kind in kinds for value in KINDS[kind][3])]


def corrupted(dataset, kind, value):
    """A test data set's settings with that corruption; of a shorter clip, one window is all of it."""
    dataset = copy.deepcopy(dataset)
    if kind == AS_IT_IS:
        return dataset
    _, name, argument, _ = KINDS[kind]
    steps, new = dataset['pipeline'], [{'type': name, argument: value}]
    fills = [index for index, step in enumerate(steps) if step['type'] == 'FillMissingJoints']
    place = 0
    if kind in ('joints', 'seconds') and fills:  # of the time that shows the person
        place = fills[0] + 1
    if kind == 'joints' and fills:
        new.append(dict(steps[fills[0]], min_joints=0.01))
    if kind == 'noise':
        new[0]['rate'] = next((step['rate'] for step in steps if step['type'] == 'ResampleRate'), None)
    for step in steps:
        if kind == 'seconds' and step['type'] == 'SampleWindows' and value < step['duration']:
            step.update(duration=value, num_clips=1)
    steps[place:place] = new
    return dataset


@torch.no_grad()
def test(model, loader):
    """Clips with their subject, label and score, as `GaitMetric` keeps them."""
    clips = []
    for batch in Runner.build_dataloader(loader):
        for sample in model.test_step(batch):
            clips.append(dict(clip=sample.frame_dir, subject=sample.subject, label=int(sample.gt_label),
                              score=[round(float(value), 5) for value in sample.pred_score]))
    return clips


def measure(args):
    """Test all models under all conditions; returns what `robustness.json` holds."""
    runs = {name: find_runs(args.sources[0], name, args.seeds) for name in args.models}
    parts = {name: [path.parent.parts[-2:] for found in runs[name].values() for _, path in found] for name in args.models}
    for name in args.models:
        if parts[name] != parts[args.baseline]:
            raise ValueError(f'{args.sources[0]}: {name} has other seeds and folds than {args.baseline}; expected the same.')
    todo = [(name, seed, run) for name in args.models for seed in runs[name] for run in runs[name][seed]]
    found = {name: [[[] for _ in runs[name]] for _ in conditions(args.kinds)] for name in args.models}
    Path(args.out).mkdir(parents=True, exist_ok=True)  # before what takes long
    for name, seed, (settings, path) in track(todo, 'runs'):
        cfg = Config(settings)
        model = MODELS.build(cfg.model).to(get_device()).eval()
        try:
            load_checkpoint(model, str(path), map_location='cpu', strict=True, logger='silent')
        except RuntimeError as error:
            if 'do not match' not in str(error):
                raise
            raise ValueError(f'{path}: weights of another architecture than that of run.json beside it.') from None
        for place, (kind, value) in enumerate(conditions(args.kinds)):
            loader = dict(cfg.test_dataloader.to_dict(), dataset=corrupted(cfg.test_dataloader.dataset.to_dict(), kind,
                                                                           value))
            found[name][place][list(runs[name]).index(seed)] += test(model, loader)
    clips = found[args.baseline][0][0]  # of all the same, in the order of the folds
    return dict(format=FORMAT, command=args.command, versions=versions(),
                kinds=args.kinds, baseline=args.baseline,
                clips={key: [clip[key] for clip in clips] for key in ('clip', 'subject', 'label')},
                models={name: [[[clip['score'] for clip in seed] for seed in place] for place in places]
                        for name, places in found.items()})


def read(paths, args):
    """What `measure` returned, of the models and kinds that are asked for, of one file or several together; ValueError where
    a file holds no such thing, or is of other clips, kinds or seeds than the first, or of the same models."""
    content, *others = [read_file(path) for path in paths]
    for path, other in zip(paths[1:], others):
        for field in ('clips', 'kinds'):
            if other[field] != content[field]:
                raise ValueError(f'{path}: {field}: other ones than in {paths[0]}; a table compares the same.')
        twice = set(other['models']) & set(content['models'])
        if twice:
            raise ValueError(f'{path}: models: {min(twice)} is in more than one file.')
        if seeds_of(other) != seeds_of(content):
            raise ValueError(f'{path}: models: {seeds_of(other)} seeds; {paths[0]} has {seeds_of(content)}.')
        content['models'].update(other['models'])
        content['versions'] = merged_versions(content.get('versions', {}), other.get('versions', {}))
        content['command'] = united(content.get('command', ''), other.get('command', ''), '\n')
    models, kinds = args.models or list(content['models']), args.kinds or content['kinds']
    baseline = args.baseline or (content['baseline'] if content['baseline'] in models else models[-1])
    for option, asked, there in (('models', models, content['models']), ('kinds', kinds, content['kinds']),
                                 ('baseline', [baseline], models)):
        if not set(asked) <= set(there):
            raise ValueError(f'{paths[0]}: --{option}: {" ".join(asked)}; it has {", ".join(there)}.')
    places = [conditions(content['kinds']).index(condition) for condition in conditions(kinds)]
    models = {name: [content['models'][name][place] for place in places] for name in models}
    return dict(content, kinds=kinds, baseline=baseline, models=models)


def read_file(path):
    """A robustness.json whose parts fit together; ValueError where it is none."""
    content = read_json(path, SCHEMA)
    fault = fault_of(content)
    if fault is not None:
        raise ValueError(f'{path}: {fault}')
    return content


def seeds_of(content):
    """Number of seeds of every model."""
    return len(next(iter(content['models'].values()))[0])


def fault_of(content):
    """The first thing that does not fit together in what `read_file` has found, in words, or None."""
    clips, models, places = content['clips'], content['models'], len(conditions(content['kinds']))
    count = len(clips['clip'])
    if {len(column) for column in clips.values()} != {count}:
        return 'clips: expected columns of the same length.'
    if content['baseline'] not in models:
        return f'baseline: {content["baseline"]!r}; expected one of {", ".join(models)}.'
    classes = next((len(score) for place in models[content['baseline']] for seed in place for score in seed), 0)
    if not all(0 <= label < classes for label in clips['label']):
        return f'clips.label: expected numbers from 0 to {classes - 1}.'
    for name, found in models.items():
        if len(found) != places or {len(place) for place in found} != {seeds_of(content)}:
            return f'models.{name}: expected {places} conditions, of {seeds_of(content)} seeds each.'
        fault = score_fault([seed for place in found for seed in place], count, classes)
        if fault is not None:
            return f'models.{name}: {fault}'


def table(content):
    """Macro-F1 of every model under every condition, with intervals by subject, and the share of the baseline's loss, where
    that is clear of 0; a list of lists of cells after that of the numbers of each model."""
    baseline, names, columns = content['baseline'], list(content['models']), content['clips']
    found = {name: [[[dict(zip(columns, row), score=score) for *row, score in zip(*columns.values(), seed)] for seed in place]
                    for place in places] for name, places in content['models'].items()}
    classes = len(content['models'][baseline][0][0][0])
    scores = {name: [mean_scores(seeds, classes)['macro_f1'] for seeds in found[name]] for name in names}
    others = [name for name in names if name != baseline]
    rows = [['recordings', *names, *(f'loss, {name} / {baseline}' for name in others)]]
    for place, (kind, value) in enumerate(conditions(content['kinds'])):
        row = [kind if value is None else f'{KINDS[kind][0]}: {value:g}']
        for name in names:
            low, high = subject_interval(found[name][place], classes)['macro_f1']
            row.append(f'{scores[name][place]:.3f} [{low:.3f}, {high:.3f}]')
        for name in others:
            share = place and share_of_loss(*((found[one][0], found[one][place]) for one in (name, baseline)), classes)
            row.append('{:.2f} [{:.2f}, {:.2f}]'.format(*share) if share else '')
        rows.append(row)
    return scores, rows


def picture(file, scores, kinds):
    """A panel a kind of corruption, a line a model."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(3.2 * len(kinds), 3.6), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    places = conditions(kinds)
    for axis, kind in zip(axes, kinds):
        chosen = [0, *(place for place, (found, _) in enumerate(places) if found == kind)]
        labels = [AS_IT_IS, *(f'{value:g}' for value in KINDS[kind][3])]
        for name, marker in zip(scores, itertools.cycle(MARKERS)):
            axis.plot(labels, [scores[name][place] for place in chosen], marker=marker, label=name)
        axis.set_xlabel(KINDS[kind][0])
        axis.tick_params(axis='x', labelrotation=30)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel('macro-F1')
    figure.legend(*axes[0].get_legend_handles_labels(), loc='outside upper center', ncols=min(len(scores), 4))
    figure.savefig(file, format='png', dpi=130)


def robustness(args):
    files = [Path(source).suffix == '.json' for source in args.sources]
    if len(files) > 1 and not all(files):
        raise ValueError(f'{args.sources[files.index(False)]}: several sources; expected every one a robustness.json.')
    if files[0] and args.seeds:
        raise ValueError('--seeds: of a robustness.json, all seeds count.')
    for option in ('models', 'kinds'):
        asked = getattr(args, option) or []
        if len(set(asked)) < len(asked):
            raise ValueError(f'--{option}: {" ".join(asked)}; expected every name once.')
    content = read(args.sources, args) if files[0] else measure_folder(args)
    scores, rows = table(content)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    kept = not files[0] or len(files) > 1  # of one file a part in the place of the whole would lose the rest
    if kept:
        with atomic_open(out / 'robustness.json') as file:
            json.dump(content, file, separators=(',', ':'))
    with atomic_open(out / 'robustness.md') as file:
        file.write(markdown(rows) + '\n')
    with atomic_open(out / 'robustness.png', 'wb') as file:
        picture(file, scores, content['kinds'])
    print(markdown(rows))
    print(f'{out}: {"robustness.json, " if kept else ""}robustness.md, robustness.png')


def measure_folder(args):
    """`measure` with the defaults of the options, which are checked."""
    if not Path(args.sources[0]).is_dir():
        raise ValueError(f'{args.sources[0]}: is no folder; expected the --out of cross_validate.py, or a robustness.json.')
    if not args.models:
        raise ValueError('--models: missing; expected names of models of that folder.')
    args.baseline, args.kinds = args.baseline or args.models[-1], args.kinds or list(KINDS)
    if args.baseline not in args.models:
        raise ValueError(f'--baseline: {args.baseline!r}; expected one of {", ".join(args.models)}.')
    register_all_modules(init_default_scope=True)
    MMLogger.get_current_instance().setLevel('WARNING')
    return measure(args)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    args.command = shown_command(own_command('robustness', argv))
    with one_line_errors():
        robustness(args)
    return 0
