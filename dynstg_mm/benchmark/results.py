"""What cross-validation found, in one small file: every clip's scores, so that any metric can be computed later."""
import json
import re
import reprlib
from pathlib import Path

import numpy as np

from dynstg_mm.errors import ResultsError
from dynstg_mm.files import atomic_open, read_json
from dynstg_mm.safe_pickle import load_annotations

FORMAT = 'dynstg_mm results 1'
KINDS = ('model', 'ensemble', 'control')
COLUMNS = ('name', 'subject', 'label', 'fold')
NAME = r'[\w+-][\w.+-]*'  # of a model; a folder's, too, so not . or ..
TEXT, TEXTS = dict(type='string'), dict(type='array', items=dict(type='string'))
NUMBER, NUMBERS = dict(type='number'), dict(type='array', items=dict(type='number'))
INTEGERS = dict(type='array', items=dict(type='integer'))
# of a model's cost, and of train_summary.json
COST = dict(type='object', properties={
    **dict.fromkeys(('cpu_minutes', 'cpu_seconds', 'seconds', 'latency_ms'), NUMBER), 'device': TEXT,
    **{name: dict(type='integer') for name in ('parameters', 'multiply_adds', 'threads')}})
TRAIN_SUMMARY = dict(COST, required=['parameters', 'cpu_seconds'])
MODEL = dict(type='object', properties=dict(
    kind=dict(enum=KINDS, description=f'one of {", ".join(KINDS)}'), over_seeds=dict(type='boolean'), members=TEXTS,
    config=TEXT, options=TEXTS, commands=TEXTS, note=TEXT, cost=COST,
    curves=dict(type='array', items=dict(type='array', items=NUMBERS)),
    failed=dict(type='array', items=dict(type='object', properties=dict(error=TEXT), required=['seed', 'fold', 'error'])),
    # of a seed the clips, whose numbers `score_fault` looks at
    scores=dict(type='array', items=dict(type='array', items=dict(type=['array', 'null'])))), required=['kind'])
SCHEMA = dict(type='object', properties=dict(
    format=dict(const=FORMAT, description=f'{FORMAT!r}, as tools/cross_validate.py writes it'),
    classes=dict(TEXTS, minItems=2, description='a list of at least two names'),
    seeds=dict(type='array', items=dict(type=['integer', 'null']), minItems=1, uniqueItems=True,
               description='a list of different whole numbers'),
    clips=dict(type='object', properties=dict(name=dict(TEXTS, minItems=1), subject=TEXTS, label=INTEGERS, fold=INTEGERS),
               required=COLUMNS),
    command=TEXT, versions=dict(type='object', additionalProperties=TEXT), leaking=TEXTS,
    models=dict(type='object', additionalProperties=MODEL, minProperties=1)),
    required=['format', 'classes', 'seeds', 'clips', 'models'])
PREDICTIONS = dict(type='object', properties=dict(
    classes=TEXTS, clips=dict(type='array', items=dict(
        type='object', properties=dict(clip=TEXT, label=dict(type='integer'), score=NUMBERS),
        required=['clip', 'label', 'score']), minItems=1)), required=['classes', 'clips'])




def new_results(classes, folds, seeds, **about):
    """Results without a model as yet, a dict as `write_results` writes it.

    Args:
        classes (list[str]): Names of the classes, in the order of the labels.
        folds (dict[int, list[dict]]): Test clips of each fold, with `clip`, `subject`, `label`.
        seeds (list[int | None]): The training seeds.
        **about: `command`, the call that made them; `versions`, name -> version; `leaking`, subjects who are tested in
            further folds of the file, too.

    Returns:
        dict: `format`, `classes`, `seeds`, `clips` (a column each of `name`, `subject`, `label`, `fold`), `models`
        (filled by `add_model`), and what `about` holds.
    """
    rows = [(clip['clip'], str(clip['subject']), clip['label'], fold) for fold in folds for clip in folds[fold]]
    return dict(format=FORMAT, classes=list(classes), seeds=list(seeds),
                clips=dict(zip(COLUMNS, map(list, zip(*rows)))), models={}, **about)


def add_model(results, name, predictions, *, kind='model', **about):
    """Put a model's scores into results, to 4 digits.

    Args:
        results (dict): From `new_results`.
        name (str): Of the model.
        predictions (list[list[dict]]): Of each seed the clips that were tested, with `clip` and `score` (C,), in any
            order. A clip that is not there stays without a score.
        kind (str): One of `KINDS`.
        **about: `config`, `options`, `commands`; `failed`, a list of `seed`, `fold`, `error`; `curves`, of each seed
            and fold the training loss of every epoch; `cost`; `note`.
    """
    scores = []
    for clips in predictions:
        found = {clip['clip']: _short(clip['score']) for clip in clips}
        scores.append([found.get(clip) for clip in results['clips']['name']])
    results['models'][name] = dict(kind=kind, **about, scores=scores)


def _short(score):
    """The scores of a clip to 4 digits, or more where that would change which is the largest."""
    for digits in (4, 6, 8):
        short = [float(f'{value:.{digits}g}') for value in score]
        if np.argmax(short) == np.argmax(score) and short.count(max(short)) == 1:
            return short
    return [float(value) for value in score]


def add_ensemble(results, name, members, *, over_seeds=False):
    """One more model: the mean of the scores of others, by clip and seed, or over the seeds as well.

    `over_seeds` is a deep ensemble (Lakshminarayanan 2017, arXiv 1612.01474), one system of the networks of all seeds: it
    has the same scores in every seed.
    """
    results['models'][name] = dict(kind='ensemble', members=list(members), **{'over_seeds': True} if over_seeds else {})


def add_ensembles(results, ensembles):
    """All of what `name_ensembles` has returned."""
    for name, (members, over_seeds) in ensembles.items():
        add_ensemble(results, name, members, over_seeds=over_seeds)


def name_ensembles(names, ensembles, seed_ensembles, seeds, *, taken=()):
    """The rows that the options --ensemble and --seed-ensemble of the tools ask for.

    Args:
        names (list[str]): Of the models and controls.
        ensembles, seed_ensembles (list[str]): `NAME=A,B,...` each, of those names; the mean of the latter is over the
            seeds, too.
        seeds (list): The seeds.
        taken (list[str]): Names of further rows, which are not to be had, either.

    Returns:
        dict[str, tuple[list[str], bool]]: Name -> members, and whether it is over the seeds, as `add_ensembles` takes
        them.

    Raises:
        ResultsError: A name is no name, or taken; a member is unknown, named twice, or the only one; or there is one seed.
    """
    found = {}
    for option, texts in (('--ensemble', ensembles), ('--seed-ensemble', seed_ensembles)):
        for text in texts:
            name, _, members = text.partition('=')
            members, over_seeds = members.split(','), option == '--seed-ensemble'
            unknown = [member for member in members if member not in names]
            if not re.fullmatch(NAME, name):
                fault = f'the name {name!r}; expected letters, digits and any of . + - _ before the ='
            elif name in {*names, *found, *taken}:
                fault = f'the name {name} is taken'
            elif unknown:
                fault = f'{unknown[0]!r}; expected one of {_listed(names)}'
            elif len(set(members)) < len(members):
                fault = 'a model stands there twice'
            elif over_seeds and len(seeds) < 2:
                fault = 'there is one seed only'
            elif not over_seeds and len(members) < 2:
                fault = 'expected at least two models; of one model with all seeds, --seed-ensemble'
            else:
                found[name] = members, over_seeds
                continue
            raise ResultsError(f'{option}: {text}: {fault}.')
    return found


def is_complete(results, name):
    """Whether a model has a score for every clip and seed."""
    model = results['models'][name]
    if model['kind'] == 'ensemble':
        return all(is_complete(results, member) for member in model['members'])
    return bool(model['scores']) and not any(score is None for clips in model['scores'] for score in clips)


def leaking_subjects(results):
    """Subjects who are tested in several folds, so that their models had met them in training.

    `leaking` of the results names those of folds that the results have not.
    """
    folds = {}
    for subject, fold in zip(results['clips']['subject'], results['clips']['fold']):
        folds.setdefault(subject, set()).add(fold)
    known = set(results.get('leaking', ()))
    return [subject for subject in folds if len(folds[subject]) > 1 or subject in known]


def clips_of(results):
    """Test clips of each fold, with `clip`, `subject`, `label`."""
    folds = {}
    for clip, subject, label, fold in zip(*(results['clips'][column] for column in COLUMNS)):
        folds.setdefault(fold, []).append(dict(clip=clip, subject=subject, label=label))
    return folds


def folds_of(results, name):
    """A model's clips with their scores: `[seed][fold][clip]`, each with `clip`, `subject`, `label`, `score`."""
    place = {clip: index for index, clip in enumerate(results['clips']['name'])}
    return [[[dict(clip, score=scores[place[clip['clip']]]) for clip in clips] for clips in clips_of(results).values()]
            for scores in _scores_of(results, name)]


def pooled(results, name):
    """A model's clips of all folds, one list a seed, as `statistics` takes them."""
    return [[clip for fold in folds for clip in fold] for folds in folds_of(results, name)]


def _scores_of(results, name):
    model = results['models'][name]
    if model['kind'] != 'ensemble':
        return model['scores']
    scores = np.mean([_scores_of(results, member) for member in model['members']], axis=0)
    return (np.broadcast_to(scores.mean(0), scores.shape) if model.get('over_seeds') else scores).tolist()


def write_results(results, path):
    """Write results as JSON, a line a model, whole or not at all."""
    def compact(value):
        return json.dumps(value, separators=(',', ':'), ensure_ascii=False)
    parts = [f'{compact(key)}:{compact(value)}' for key, value in results.items() if key != 'models']
    models = ',\n'.join(f'{compact(name)}:{compact(model)}' for name, model in results['models'].items())
    with atomic_open(path, encoding='utf-8') as file:
        file.write('{\n' + ',\n'.join([*parts, '"models":{\n' + models + '\n}']) + '\n}\n')


def read_results(path):
    """Read what `write_results` wrote, and check it.

    Raises:
        FileNotFoundError: There is no such file.
        ResultsError: It is no file of results; the message names the field and what was expected.
    """
    results = read_json(path, SCHEMA, ResultsError)
    fault = _fault(results)
    if fault is not None:
        raise ResultsError(f'{path}: {fault}')
    return results


def _fault(results):
    """The first thing that does not fit together in results, in words, or None."""
    classes, seeds, clips, models = (results[field] for field in ('classes', 'seeds', 'clips', 'models'))
    count = len(clips['name'])
    if any(len(clips[column]) != count for column in COLUMNS):
        return 'clips: expected columns of the same length.'
    if len(set(clips['name'])) < count:
        return 'clips.name: a clip stands there twice.'
    if len(set(clips['subject'])) < 2:
        return 'clips.subject: one subject; an interval by subject needs at least two.'
    if any(type(label) is not int or not 0 <= label < len(classes) for label in clips['label']):
        return f'clips.label: expected numbers from 0 to {len(classes) - 1}.'
    for name, model in models.items():
        if any(len(curves) != len(set(clips['fold'])) for curves in model.get('curves', ())):
            return f'models.{name}.curves: expected one for each of {len(set(clips["fold"]))} folds, empty where it failed.'
        scores = model.get('scores')
        if model['kind'] == 'ensemble':
            if not all(models.get(member, model)['kind'] != 'ensemble' for member in model.get('members') or [None]):
                return f'models.{name}.members: expected names of models of this file.'
        elif scores is None or len(scores) not in (0, len(seeds)):
            return f'models.{name}.scores: expected one list for each of {len(seeds)} seeds.'
        else:
            fault = score_fault(scores, count, len(classes))
            if fault is not None:
                return f'models.{name}.scores: {fault}'


def score_fault(seeds, clips, classes):
    """What is wrong with the scores of each seed, lists of a clip's scores or None, in words, or None."""
    for scores in seeds:
        if len(scores) != clips:
            return f'expected {clips} clips in every seed.'
        for score in scores:
            if score is not None and not (len(score) == classes and all(
                    type(value) in (int, float) and np.isfinite(value) for value in score)):
                return f'{reprlib.repr(score)}; expected {classes} finite numbers.'


def merge(results, other, source):
    """Put other results of the same clips beside these: further models with the same seeds, or further seeds.

    Of the same seeds, in any order (`other` takes that of these, in place), controls that are there already are left out. Of
    further seeds, the models must be the same ones.

    Raises:
        ResultsError: The clips, folds, labels or classes differ, some but not all seeds are the same, a name is taken, or
            the models of further seeds are others; the message names `source`, where `other` is from.
    """
    if other['classes'] != results['classes']:
        raise ResultsError(f'{source}: classes {other["classes"]}; the first results have {results["classes"]}.')
    ours, theirs = ({row[0]: row[1:] for row in zip(*(part['clips'][column] for column in COLUMNS))}
                    for part in (results, other))
    if ours != theirs:
        clip = next(clip for clip in {**ours, **theirs} if ours.get(clip) != theirs.get(clip))
        if clip in ours and clip in theirs:
            raise ResultsError(f'{source}: clip {clip}: {describe(theirs[clip])}; the first results have '
                              f'{describe(ours[clip])}.')
        raise ResultsError(f'{source}: other clips than the first results\' ({clip}); a table compares the same clips; '
                          'of some folds, --folds names those of both.')
    if other['seeds'] != results['seeds'] and set(other['seeds']) == set(results['seeds']):
        choose_seeds(other, results['seeds'], source)
    order = [other['clips']['name'].index(clip) for clip in results['clips']['name']]
    models = {name: dict(model, scores=[[clips[place] for place in order] for clips in model['scores']])
              if 'scores' in model else model for name, model in other['models'].items()}
    unknown = [None]  # of a folder of predictions, which may be of any seed
    if other['seeds'] == results['seeds'] or len(other['seeds']) == len(results['seeds']) == 1 and unknown in (
            other['seeds'], results['seeds']):
        _add_models(results, models, source)
    elif set(other['seeds']).isdisjoint(results['seeds']):
        _add_seeds(results, models, other['seeds'], source)
    else:
        raise ResultsError(f'{source}: seeds {_listed(other["seeds"])}; the first results have '
                          f'{_listed(results["seeds"])}; expected the same, or others; --seeds chooses some of both.')
    merge_origin(results, other)
    if other.get('leaking'):
        results['leaking'] = list(dict.fromkeys([*results.get('leaking', ()), *other['leaking']]))


def merge_origin(results, other):
    """Keep the versions and the commands that both are from, each once, in place."""
    for package, version in other.get('versions', {}).items():
        known = results.setdefault('versions', {}).get(package)
        results['versions'][package] = _united(known, version, ' or ')
    commands = _united(results.get('command'), other.get('command'), '\n')
    if commands:
        results['command'] = commands


def _united(first, second, separator):
    """What two texts list, each once."""
    return separator.join(dict.fromkeys(part for text in (first, second) if text for part in text.split(separator)))


def choose_seeds(results, seeds, source):
    """Keep these seeds only, in place; ResultsError where one is not there. Of one seed, rows over the seeds go."""
    if len(set(seeds)) < len(seeds):
        raise ResultsError(f'--seeds: {_listed(seeds)}; a seed stands there twice.')
    unknown = [seed for seed in seeds if seed not in results['seeds']]
    if unknown:
        raise ResultsError(f'{source}: seeds {_listed(results["seeds"])}; expected {_listed(seeds)} among them.')
    places = [results['seeds'].index(seed) for seed in seeds]
    results['seeds'] = list(seeds)
    for model in results['models'].values():
        for field in ('scores', 'curves'):
            if model.get(field):
                model[field] = [model[field][place] for place in places]
        if 'failed' in model:
            model['failed'] = [run for run in model['failed'] if run['seed'] in seeds]
    if len(seeds) == 1:
        results['models'] = {name: model for name, model in results['models'].items() if not model.get('over_seeds')}


def choose_models(results, names, source):
    """Keep these models only, in place; ResultsError where one is not there, or is a mean of others that are not kept."""
    unknown = [name for name in names if name not in results['models']]
    if unknown:
        raise ResultsError(f'{source}: models {_listed(results["models"])}; expected {_listed(unknown)} among them.')
    results['models'] = {name: model for name, model in results['models'].items() if name in names}
    for name, model in results['models'].items():
        lost = [member for member in model.get('members', ()) if member not in names]
        if lost:
            raise ResultsError(f'{source}: {name}: is a mean with {_listed(lost)}; keep {"it" if len(lost) == 1 else "them"}, too.')


def choose_folds(results, folds, source):
    """Keep the test clips of these folds only, in place; ResultsError where one is not there."""
    there = list(clips_of(results))
    unknown = [fold for fold in folds if fold not in there]
    if unknown:
        raise ResultsError(f'{source}: folds {_listed(there)}; expected {_listed(folds)} among them.')
    results['leaking'] = leaking_subjects(results)
    places = [place for place, fold in enumerate(there) if fold in folds]
    rows = [row for row, fold in enumerate(results['clips']['fold']) if fold in folds]
    results['clips'] = {column: [results['clips'][column][row] for row in rows] for column in COLUMNS}
    for model in results['models'].values():
        for field, kept in (('scores', rows), ('curves', places)):
            if model.get(field):
                model[field] = [[values[place] for place in kept] for values in model[field]]
        if 'failed' in model:
            model['failed'] = [run for run in model['failed'] if run['fold'] in folds]


def rename_models(results, prefix):
    """Put `prefix` and a hyphen before the names of all models but the controls, in place."""
    names = {name: name if model['kind'] == 'control' else f'{prefix}-{name}' for name, model in results['models'].items()}
    results['models'] = {names[name]: model for name, model in results['models'].items()}
    for model in results['models'].values():
        if 'members' in model:
            model['members'] = [names[member] for member in model['members']]


def read_annotations(ann_file):
    """Content of an annotation file, and its clips by name; ResultsError where it is none."""
    data = load_annotations(ann_file, ResultsError)
    for index, clip in enumerate(data['annotations']):
        fields = clip if isinstance(clip, dict) else {}
        missing = [field for field in ('frame_dir', 'keypoint', 'label', 'rate', 'total_frames') if field not in fields]
        if missing:
            raise ResultsError(f'{ann_file}: clip {fields.get("frame_dir", index)}: {missing[0]}: missing.')
    return data, {clip['frame_dir']: clip for clip in data['annotations']}


def all_folds(results, ann_file):
    """Test clips of every fold of the split in an annotation file that the results have folds of, as `add_controls` takes
    them, or None where the file has no such split."""
    data, clips = read_annotations(ann_file)
    families = {}
    for name, members in (data.get('split') or {}).items():
        match = re.fullmatch(r'(.*)_fold(\d+)_test', str(name))
        if match:
            unknown = [member for member in members if member not in clips]
            if unknown:
                raise ResultsError(f'{ann_file}: split {name}: no clip {unknown[0]} in the file.')
            families.setdefault(match[1], {})[int(match[2])] = members
    own = [{clip['clip']: clip['label'] for clip in part} for part in clips_of(results).values()]
    for folds in families.values():
        tests = {fold: [dict(clip=clip, subject=str(clips[clip].get('subject')), label=clips[clip]['label'])
                        for clip in members] for fold, members in sorted(folds.items())}
        if all(part in [{clip['clip']: clip['label'] for clip in clips} for clips in tests.values()] for part in own):
            return tests
    return None


def _listed(values):
    return ', '.join(map(str, values))


def _add_models(results, models, source):
    for name, model in models.items():
        if name not in results['models']:
            results['models'][name] = model
        elif model['kind'] != 'control':
            raise ResultsError(f'{source}: the name {name} is taken; call one of the two otherwise.')


def _add_seeds(results, models, seeds, source):
    if set(models) != set(results['models']):
        raise ResultsError(f'{source}: models {_listed(models)} of seeds {_listed(seeds)}; the first results have '
                          f'{_listed(results["models"])}; expected the same models with further seeds.')
    for name, model in results['models'].items():
        for field in ('kind', 'config', 'options', 'members', 'over_seeds'):
            if model.get(field) != models[name].get(field):
                raise ResultsError(f'{source}: models.{name}.{field}: {models[name].get(field)!r} of seeds '
                                  f'{_listed(seeds)}; the first results have {model.get(field)!r}.')
    for name, model in results['models'].items():
        for field in ('curves', 'failed'):
            if field in model:
                model[field] = [*model[field], *models[name].get(field, [])]
        if 'scores' in model:  # a row that could not be computed has none, for all seeds then
            both = model['scores'], models[name]['scores']
            model['scores'] = [clips for part in both for clips in part] if all(both) else []
    results['seeds'] = [*results['seeds'], *seeds]


def describe(row):
    """Subject, label and fold of a clip, in words."""
    return 'subject {}, label {}, fold {}'.format(*row)


def read_folds(folder):
    """Predictions of every fold below a folder: `predictions.json`, as `GaitMetric` writes them.

    Args:
        folder (str | Path): Holds predictions.json itself, or folders with one each.

    Returns:
        tuple[list[str], list[list[dict]], list[dict]]: Classes; the clips of each fold with `clip`, `subject`, `label`,
        `score`; what training cost, where `train_summary.json` stands beside the predictions.
    """
    paths = sorted(Path(folder).rglob('predictions.json'),  # fold10 after fold2
                   key=lambda path: [int(part) if part.isdigit() else part for part in re.split(r'(\d+)', str(path))])
    if not paths:
        raise ResultsError(f'{folder}: no predictions.json in or below it; run tools/test.py with this --work-dir.')
    folds, classes, costs = [], None, []
    for path in paths:
        found, clips = read_predictions(path)
        if classes not in (None, found):
            raise ResultsError(f'{path}: classes {found}; the others have {classes}.')
        classes = found
        folds.append(clips)
        summary = path.with_name('train_summary.json')
        if summary.is_file():
            costs.append(read_json(summary, TRAIN_SUMMARY, ResultsError))
    seen = [clip['clip'] for clips in folds for clip in clips]
    if len({clip['subject'] for clips in folds for clip in clips}) < 2:
        raise ResultsError(f'{folder}: clips of one subject; an interval by subject needs at least two.')
    if len(seen) != len(set(seen)):
        raise ResultsError(f'{folder}: a clip was tested twice; expected folds whose test parts do not overlap.')
    return classes, folds, costs


def read_predictions(path):
    """Classes and clips of one predictions.json."""
    content = read_json(path, PREDICTIONS, ResultsError)
    clips, classes = content['clips'], content['classes']
    nameless = [clip['clip'] for clip in clips if clip.get('subject') is None]
    if nameless:
        raise ResultsError(f'{path}: clip {nameless[0]}: no subject; intervals are by subject.')
    for clip in clips:
        fault = score_fault([[clip['score']]], 1, len(classes))
        if fault is not None:
            raise ResultsError(f'{path}: clip {clip["clip"]}: score: {fault}')
    return classes, clips


def results_of_folder(name, folder):
    """Results of one model and one seed from the predictions below a folder, as `read_folds` finds them."""
    classes, folds, costs = read_folds(folder)
    results = new_results(classes, dict(enumerate(folds)), [None])
    add_model(results, name, [[clip for fold in folds for clip in fold]], cost=training_cost(costs))
    return results


def training_cost(summaries):
    """Mean cost of the runs in `train_summary.json`; those that were resumed know only of their last part.

    Returns:
        dict: `parameters`; `cpu_minutes` and `seconds` of a run; `device`, `threads`; empty without a run.
    """
    whole = [summary for summary in summaries if not summary.get('resumed')] or summaries
    if not whole:
        return {}
    cost = dict(parameters=whole[0]['parameters'],
                cpu_minutes=round(float(np.mean([summary['cpu_seconds'] for summary in whole])) / 60, 3))
    if all('seconds' in summary for summary in whole):
        cost['seconds'] = round(float(np.mean([summary['seconds'] for summary in whole])), 1)
    return {**cost, **{key: whole[0][key] for key in ('device', 'threads') if key in whole[0]}}
