"""The memory of the teacher's nodes."""
import torch
from mmaction.structures import ActionDataSample

from .small_models import batch, distillation_losses, distiller


def test_the_memory_holds_the_teachers_latest_nodes_by_class(tmp_path):
    model = distiller(tmp_path, memory_size=48)
    inputs, samples = batch()
    model.loss(inputs, samples)
    memory = model.distill_losses['memory'].memory
    features, _ = model.teacher(inputs)
    joints = torch.nn.functional.normalize(features.mean((1, 3)).transpose(1, 2), dim=-1)  # (clips, joints, channels)
    for label in (0, 1):  # clips 0 and 2 are of class 0, clips 1 and 3 of class 1; the latest 48 of 50 joints stay
        assert memory.written[0, label] == 48
        torch.testing.assert_close(memory.rings[0, label], joints[label::2].flatten(0, 1)[-48:])
    assert (memory.written[1] == 2 * features.shape[3]).all()
    restored = distiller(tmp_path, memory_size=48)
    restored.load_state_dict(model.state_dict())
    assert (restored.distill_losses['memory'].memory.rings == memory.rings).all()
    restored.clear_memory()
    assert not any(value.any() for value in restored.distill_losses['memory'].memory.state_dict().values())


def test_predictions_and_unlabelled_windows_do_not_enter_the_memory(tmp_path):
    """So that it never holds a clip that is not in the training split."""
    model = distiller(tmp_path)
    inputs, samples = batch()
    for mode in ('tensor', 'predict'):
        model(inputs, samples, mode=mode)
    memory = model.distill_losses['memory'].memory
    assert not memory.written.any() and not memory.rings.any()
    for sample, window in zip(samples, inputs):
        sample.set_field(window.numpy() + 1, 'unlabelled_inputs')
    held = []
    for data in (samples, batch()[1]):
        model.clear_memory()
        model.loss(inputs, data)
        held.append(memory.rings.clone())
    assert memory.written[0].tolist() == [32, 32]
    torch.testing.assert_close(*held)


def test_the_memory_waits_for_every_class_and_weighs_them_alike(tmp_path):
    model = distiller(tmp_path)
    one_class = (batch()[0], [ActionDataSample().set_gt_label(0) for _ in range(4)])
    for _ in range(2):
        assert distillation_losses(model, one_class)['loss_memory'] == 0
    for seed in (1, 2):
        loss = distillation_losses(model, batch(seed=seed))['loss_memory']
    assert loss > 0
    memory = model.distill_losses['memory'].memory
    memory.written[:, 1] = 3
    assert len(memory.read('joint')) == 2 * 3
