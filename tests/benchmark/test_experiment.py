"""Experiment files: their fields, the calls that they give, and those that repeat the published tables."""
from argparse import ArgumentParser

import pytest

from dynstg_mm.benchmark.experiment import by_site, calls_with_teachers, plan_calls, read_experiment
from dynstg_mm.benchmark.plan import name_ensembles, name_models
from dynstg_mm.benchmark.results import Results
from dynstg_mm.commands import cross_validate
from dynstg_mm.config import resolve_config
from dynstg_mm.datasets.folds import fold_split
from dynstg_mm.errors import ConfigError

from ..conftest import ROOT

EXPERIMENTS = {f'{prefix}{path.stem}': path for prefix, folder in (('', 'dynstg_mamba'), ('cgrkd-', 'cgrkd'))
               for path in (ROOT / f'configs/{folder}/results').glob('koa*.json')} | {
                   path.stem: path for path in (ROOT / 'configs/dynstg_mamba/results').glob('msnd*.json')}
SMALL = '../dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-60e_koa-keypoint-2d.py'
CGRKD = '../cgrkd/cgrkd-large-to-small_1xb16-joint-w64-60e_koa-keypoint-2d.py'
TAUGHT = f"""
options: {{feats: [b, bm], task: koa_stage}}
models:
  small: {SMALL}
  taught: {{config: {CGRKD}, options: {{model.temperature: 0.3}}, teacher: large}}
teachers:
  large: {{config: dynstg_mm::dynstg_mamba/dynstg-mamba-large_1xb16-joint-w64-30e_koa-keypoint-2d.py,
          options: {{train_cfg.max_epochs: 40}}}}
seeds: [0, 1]
folds: [1]
baseline: taught
ensembles: {{both: [small, taught]}}
seed_ensembles: {{seeds: [small]}}
controls: false
"""


def parse(*arguments):
    parser = ArgumentParser()
    cross_validate.add_arguments(parser)
    return parser.parse_args(list(map(str, arguments)))


def names(call):
    return [text.partition('=')[0] for text in call.configs]


@pytest.fixture
def experiment(tmp_path):
    (tmp_path / 'experiments').mkdir()
    for folder in ('_base_', 'dynstg_mamba', 'cgrkd'):
        (tmp_path / folder).symlink_to(ROOT / 'configs' / folder)

    def write(text):
        path = tmp_path / 'experiments/some.yml'
        path.write_text(text)
        return path

    return write


@pytest.fixture
def trained(monkeypatch):
    """Pretend that all teachers have checkpoints; otherwise their data sets are read for the folds."""
    monkeypatch.setattr('dynstg_mm.benchmark.experiment._is_missing', lambda *_: False)


@pytest.mark.parametrize('text, field', [
    ('models: [', 'not a YAML file'),
    ('models: !!python/object/apply:os.system [touch x]', 'not a YAML file'),
    ('just text', 'expected only models'),
    ('seeds: [0]', 'models: missing'),
    ('models: {}', 'models: '),
    ('models: {a: 3}', r'models\.a: 3'),
    ('models: {a: {options: {}}}', r'models\.a\.config: missing'),
    ('models: {a: {config: x.py, epochs: 3}}', r'models\.a: '),
    ('models: {a: {config: x.py, options: {fold: {}}}}', r'models\.a\.options\.fold'),
    ('models: {a: x.py, a: y.py}', "'a' is duplicated"),
    ('models: {1: x.py}', '1'),
    ('models: {a: {config: x.py, teacher: b}}', r'models\.a\.teacher: b'),
    ('models: {a: {config: x.py, teacher: a}}', r'models\.a\.teacher: a'),
    ('models: {a: x.py}\nseeds: [-1]', r'seeds\.0: -1'),
    ('models: {a: x.py}\nseeds: 0', 'seeds: 0'),
    ('models: {a: x.py}\nfolds: some', 'folds: .some'),
    ('models: {a: x.py}\nensembles: {both: a}', r'ensembles\.both'),
    ('models: {a: x.py}\ncontrols: maybe', 'controls: .maybe'),
    ('models: {a: x.py}\njobs: 2', "unknown field 'jobs'"),
    ('models: {a: x.py}\nseed: 2', "unknown field 'seed'; expected seeds"),
    ('model: {a: x.py}', "unknown field 'model'; expected models"),
    ('models: {a: {config: x.py, option: {}}}', "unknown field 'option'; expected options"),
])
def test_wrong_file_is_named_with_the_field(text, field, experiment):
    with pytest.raises(ConfigError, match=rf'some\.yml: .*{field}|some\.yml: {field}'):
        read_experiment(experiment(text))


def test_configs_beside_a_shipped_file_are_shipped():
    models = read_experiment('dynstg_mm::experiments/koa-nm.yml')['models']
    assert models['st-gcn']['config'] == 'dynstg_mm::stgcn/stgcn_1xb16-joint-w64-30e_koa-keypoint-2d.py'


def test_paths_are_relative_to_the_file(experiment):
    models = read_experiment(experiment(f'models: {{a: {SMALL}, b: "dynstg_mm::x.py"}}'))['models']
    assert models['b']['config'] == 'dynstg_mm::x.py' and resolve_config(models['a']['config']).task == 'koa_nm'


def test_command_line_adds_to_the_file_and_overrides_it(experiment, trained):
    file = experiment(TAUGHT)
    plain, = plan_calls(parse(file, '--out', 'out'))
    assert plain.baseline == 'taught' and plain.seeds == [0, 1] and plain.folds == ['1'] and plain.no_controls
    more = ROOT / 'configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-60e_koa-keypoint-2d.py'
    call, = plan_calls(parse(file, f'more={more}', '--out', 'out', '--seeds', 3, '--folds', 'all',
                             '--baseline', 'small', '--ensemble', 'three=small,taught,more',
                             '--cfg-options', 'task=koa_nm', '--model-options', 'taught', 'model.temperature=1'))
    models = {model.name: model for model in name_models(call.configs, call.cfg_options, call.model_options)}
    assert list(models) == ['small', 'taught', 'more'] and call.seeds == [3] and call.folds == ['all']
    assert call.baseline == 'small' and call.ensemble == ['both=small,taught', 'three=small,taught,more']
    config = models['taught'].settings(fold=2, seed=3)
    assert config.task == 'koa_nm' and config.feats == ['b', 'bm'] and config.model.temperature == 1
    assert config.model.teacher_ckpt == 'out/runs/large/seed3/fold2/epoch_40.pth'


def test_some_models_alone_leave_out_what_needs_the_others(experiment):
    file = experiment(TAUGHT)
    call, = plan_calls(parse(file, '--models', 'small', '--out', 'out'))
    assert names(call) == ['small']
    assert call.baseline is None and call.ensemble == [] and call.seed_ensemble == ['seeds=small']
    for arguments in ([file], []):
        with pytest.raises(ConfigError, match='--models: big'):
            plan_calls(parse(*arguments, 'x.py', '--models', 'big', '--out', 'out'))


def test_ensembles_that_cannot_be_computed_are_left_out():
    published = ROOT / 'configs/experiments/cgrkd-koa-nm.yml'
    (call, ) = plan_calls(parse(published, '--models', 'small-pretrained', 'st-gcn', '--out', 'out'))
    assert 'small-seeds+trees=small-pretrained,gait features + extra-trees' in call.seed_ensemble
    (call, ) = plan_calls(parse(published, '--models', 'small-pretrained', 'st-gcn', '--no-controls', '--out', 'out'))
    assert not call.ensemble and not call.seed_ensemble
    (call, ) = plan_calls(parse(published, '--models', 'small-pretrained', 'st-gcn', '--seeds', '0', '--out', 'out'))
    assert not call.seed_ensemble


def test_teachers_are_trained_first_and_once(experiment, annotation_file, tmp_path, monkeypatch):
    def stages(data):
        for clip in data['annotations']:
            clip['label'] %= 3
        names = data.pop('split')
        data['split'] = {fold_split('koa_stage', fold, part): names[names_of] for fold, parts in enumerate(
            [('train', 'test'), ('test', 'train')]) for part, names_of in zip(('train', 'test'), parts)}

    data = annotation_file(stages)
    options = ['train_dataloader.dataset.ann_file', 'test_dataloader.dataset.ann_file']
    command = [experiment(TAUGHT), '--out', tmp_path / 'out', '--cfg-options', *(f'{name}={data}' for name in options)]
    calls = []
    monkeypatch.setattr('dynstg_mm.benchmark.cross_validation.cross_validate',
                        lambda call, command: calls.append(call) or len(calls) == 3)
    assert cross_validate.main(list(map(str, command))) == 0
    first, second = calls
    assert names(first) == ['large'] and first.teaching and first.keep_checkpoints and first.no_controls
    assert names(second) == ['small', 'taught'] and not second.teaching and not second.keep_checkpoints
    model = name_models(second.configs, second.cfg_options, second.model_options)[1]
    checkpoint = tmp_path / 'out/runs/large/seed1/fold1/epoch_40.pth'
    assert model.settings(fold=1, seed=1).model.teacher_ckpt == str(checkpoint)
    assert cross_validate.main(list(map(str, command))) == 1 and len(calls) == 3  # the teacher failed
    for seed in (0, 1):
        folder = tmp_path / f'out/runs/large/seed{seed}/fold1'
        folder.mkdir(parents=True)
        (folder / 'last_checkpoint').touch()
    assert len(plan_calls(parse(*command))) == 1 and len(plan_calls(parse(*command, '--redo'))) == 2


def test_every_published_table_has_an_experiment_file():
    assert {path.stem for path in (ROOT / 'configs/experiments').glob('*.yml')} >= set(EXPERIMENTS) > set()


@pytest.mark.parametrize('name', sorted(EXPERIMENTS))
def test_experiment_file_repeats_the_published_table(name, trained, monkeypatch):
    monkeypatch.chdir(ROOT)
    results = Results.read(EXPERIMENTS[name])
    call, = plan_calls(parse(f'configs/experiments/{name}.yml', '--out', 'out'))
    assert call.seeds == list(results.seeds) and call.folds == ['all'] and call.baseline == results.baseline
    ours = {model.name: (model.config, without_teacher(model.options))
            for model in name_models(call.configs, call.cfg_options, call.model_options)}
    assert ours == {name: (model.config, without_teacher(model.options))
                    for name, model in results.models.items() if model.kind == 'model'}
    rows = [*ours, *(name for name, model in results.models.items() if model.kind == 'control')]
    assert call.no_controls == (len(rows) == len(ours))
    assert name_ensembles(rows, call.ensemble, call.seed_ensemble, call.seeds) == {
        name: (model.members, model.over_seeds) for name, model in results.models.items() if model.kind == 'ensemble'}


def without_teacher(options):
    return {option for option in options if not option.startswith('model.teacher_ckpt=')}


def test_each_site_is_trained_on_and_all_others_are_tested(experiment, tmp_path):
    for name in ('kiel', 'lyon', 'rom'):
        (tmp_path / f'{name}.pkl').touch()
    path = experiment(TAUGHT + f'sites: {{kiel: {tmp_path}/kiel.pkl, lyon: "{tmp_path}/lyon.pkl:gait"}}')
    sites = by_site(parse(path, '--out', 'out', '--cfg-options', 'feats=j'))
    assert {name: args.out for name, args in sites.items()} == dict(kiel='out/kiel', lyon='out/lyon')
    assert sites['lyon'].test_on == [f'kiel={tmp_path}/kiel.pkl']
    assert sites['kiel'].test_on == [f'lyon={tmp_path}/lyon.pkl:gait']
    call = calls_with_teachers(sites['lyon'])[-1]
    files = [f'{part}_dataloader.dataset.ann_file={tmp_path}/lyon.pkl' for part in ('train', 'test')]
    assert call.cfg_options == ['feats=b,bm', 'task=koa_stage', *files, 'split=gait', 'feats=j']
    assert list(by_site(parse(path, '--out', 'out', '--sites', *(f'{name}={tmp_path}/{name}.pkl'
                                                                for name in ('lyon', 'rom'))))) == ['lyon', 'rom']
    with pytest.raises(ConfigError, match='--sites: '):
        by_site(parse('a.py', '--out', 'out', '--sites', tmp_path / 'rom.pkl'))
    assert list(by_site(parse('a.py', '--out', 'out'))) == ['']


def test_a_config_of_the_command_line_may_be_the_only_model(experiment):
    path = experiment(TAUGHT)
    call, = plan_calls(parse(path, 'mine=own.py', '--models', 'mine', '--out', 'out'))
    assert call.configs == ['mine=own.py'] and call.baseline is None and not call.ensemble
    assert names(plan_calls(parse(path, 'mine=own.py', '--models', 'small', '--out', 'out'))[-1]) == ['small', 'mine']


def test_the_estimator_test_names_both_estimators_and_their_shared_joints():
    content = read_experiment(ROOT / 'configs/experiments/koa-nm-estimators.yml')
    assert list(content['sites']) == ['openpose', 'mediapipe'] and content['options'] == dict(layout='gait_13')
    for model in content['models'].values():
        config = resolve_config(model['config'], dict(layout='gait_13', task='koa_pd_nm'))
        assert config.model.backbone.graph_cfg.layout == config.test_dataloader.dataset.layout == 'gait_13'
