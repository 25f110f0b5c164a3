import pytest
import torch

from dynstg_mm.ops import threads


@pytest.fixture
def three_threads(monkeypatch):
    """Call it, and kernels share out any work among three threads; it returns the list that their parts are noted
    in."""
    before, parts = torch.get_num_threads(), []
    executor = threads._pool

    def start():
        torch.set_num_threads(3)
        monkeypatch.setattr(threads, 'WORTH_A_THREAD', 1)
        monkeypatch.setattr(threads, '_pool', lambda number: parts.append(number + 1) or executor(number))
        return parts

    yield start
    torch.set_num_threads(before)
