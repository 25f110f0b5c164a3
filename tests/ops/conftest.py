import pytest
import torch

from dynstg_mm.ops.cpu import threads


@pytest.fixture(params=['openmp', 'pool'])
def three_threads(request, monkeypatch):
    """Function after whose call kernels divide any work among three threads, torch's or our own.

    It returns a list to which every kernel appends its number of parts.
    """
    if request.param == 'pool':
        monkeypatch.setattr(threads, '_openmp', lambda: None)
    elif threads._openmp() is None:
        pytest.skip("torch's OpenMP is not GNU's")
    before, parts, name = torch.get_num_threads(), [], f'_run_on_{request.param}'
    run = getattr(threads, name)

    def noted(job, total):
        parts.append(total)
        run(job, total)

    def start():
        torch.set_num_threads(3)
        monkeypatch.setattr(threads, 'WORTH_A_THREAD', 1)
        monkeypatch.setattr(threads, name, noted)
        return parts

    yield start
    torch.set_num_threads(before)
