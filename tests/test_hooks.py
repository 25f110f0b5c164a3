import pytest
import torch

from dynstg_mm.errors import ConfigError
from dynstg_mm.hooks import check_weights

OWN = {'backbone.weight': torch.ones(2, 3), 'backbone.bn.num_batches_tracked': torch.tensor(1),
       'distill_projection.weight': torch.ones(2)}


def test_weights_of_the_same_model_are_accepted():
    """With or without what only teaches, and as a parallel module saves them."""
    check_weights(OWN, OWN, 'epoch_1.pth')
    check_weights(OWN, {'module.backbone.weight': torch.zeros(2, 3)}, 'epoch_1.pth')
    check_weights({'backbone.weight': OWN['backbone.weight']}, OWN, 'epoch_1.pth')


@pytest.mark.parametrize('weights, named', [
    ({}, 'backbone.weight: missing'),
    ({**OWN, 'backbone.bias': torch.ones(2)}, 'backbone.bias: unexpected'),
    ({'backbone.weight': torch.ones(2, 4)}, 'backbone.weight: has shape'),
])
def test_weights_of_another_model_are_refused(weights, named):
    with pytest.raises(ConfigError, match=f'epoch_1.pth: {named}'):
        check_weights(OWN, weights, 'epoch_1.pth')
