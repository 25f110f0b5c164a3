"""Whole distilled runs: stopped and resumed, started from other weights, and in two processes."""
import numpy as np
import pytest
import torch
from mmengine.hooks import Hook

from dynstg_mm.errors import ConfigError

from .small_models import DISTRIBUTED, distiller, distributed_steps, two_steps
from .test_hook import unlabelled_windows


class Stop(Hook):
    """Stop a run once its first checkpoint is written."""

    def after_train_epoch(self, runner):
        raise KeyboardInterrupt


@pytest.mark.parametrize('mode', ['unlabelled windows in bfloat16', 'cached teacher'])
def test_a_resumed_run_equals_the_run_that_was_never_stopped(runner, shipped_config, monkeypatch, mode):
    # MMEngine's wrapper asserts that there is a GPU, but works on a CPU in bfloat16
    monkeypatch.setattr('mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available', lambda: True)
    if mode == 'cached teacher':
        pipeline = shipped_config.test_pipeline  # 5 windows of each of the 8 clips, the same in every epoch
        options = {'train_dataloader.dataset.pipeline': pipeline, 'default_hooks.distillation.cache_teacher': True}
    else:
        options = {'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.dtype': 'bfloat16',
                   **unlabelled_windows(shipped_config)}
    asked = []

    def run(work, **more):
        started = runner(work=work, **options, **more)
        asked.append(0)

        def count(module, inputs, outputs):
            asked[-1] += len(inputs[0])
        started.model.teacher.network.backbone.register_forward_hook(count)
        if work == 'stopped' and not more:
            started.register_hook(Stop(), 'LOWEST')
            with pytest.raises(KeyboardInterrupt):
                started.train()
        else:
            started.train()
        return started
    whole = run('whole')
    run('stopped')
    resumed = run('stopped', resume=True)
    assert resumed.epoch == 2 and (resumed.model.distill_losses['memory'].memory.written > 0).all()
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], value, atol=0, rtol=0, msg=name)
    logged = {name for name in whole.message_hub.log_scalars if name.startswith('train/loss')}
    assert logged == {'train/loss', *(f'train/loss_{name}' for name in ('cls', 'logit', 'batch', 'memory'))}
    if mode == 'cached teacher':
        assert asked == [45, 45, 45]  # each window once, and those of the first clip in the check before training


def test_a_run_that_loads_weights_of_another_starts_with_an_empty_memory(runner, tmp_path):
    """The memory holds nodes of its own training clips only, and with another memory the run does not resume."""
    first = runner(**{'train_cfg.max_epochs': 1})
    first.train()
    run = runner(work='next', load_from=str(tmp_path / 'work/epoch_1.pth'), **{
        'train_cfg.max_epochs': 1, 'train_dataloader.dataset.indices': [2, 32, 62, 92]})
    run.train()
    memories = [run.model.distill_losses['memory'].memory for run in (first, run)]
    assert [memory.written[0].tolist() for memory in memories] == [[50] * 4, [25] * 4]
    assert (memories[1].rings[0].norm(dim=-1) > 0.5).sum(-1).tolist() == [25] * 4
    with pytest.raises(ConfigError, match='resume: model.losses'):
        runner(resume=True, **{'model.memory_size': 32}).train()


def test_two_processes_learn_what_one_learns_from_the_whole_batch(tmp_path):
    distiller(tmp_path)  # writes the teacher
    for method, options in DISTRIBUTED.items():
        two_steps(0, 1, tmp_path, method, **options)
    torch.multiprocessing.start_processes(distributed_steps, (2, tmp_path), 2, start_method=(
        'spawn' if torch.cuda.is_initialized() else 'fork'))  # a fork saves the imports
    for method in DISTRIBUTED:
        whole, *parts = (torch.load(tmp_path / f'{method}_{name}.pt', weights_only=True)
                         for name in ('0_of_1', '0_of_2', '1_of_2'))
        for step in (0, 1):
            for name, value in whole['losses'][step].items():
                mean = np.mean([part['losses'][step][name] for part in parts])
                assert mean == pytest.approx(value, rel=1e-4), (method, name)
        assert method != 'CGRKD' or whole['losses'][1]['loss_memory'] > 0
        for part in parts:
            torch.testing.assert_close(part['memory'], whole['memory'])
            for name, value in whole['gradients'].items():
                torch.testing.assert_close(part['gradients'][name], value, atol=1e-6, rtol=1e-3, msg=f'{method} {name}')
