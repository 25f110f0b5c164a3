import threading
from types import SimpleNamespace

import pytest

from dynstg_mm.ops.cpu import threads
from dynstg_mm.ops.cpu.threads import share_out


def test_every_item_is_done_once_and_by_several_threads(three_threads):
    three_threads()
    done, meeting = [], threading.Barrier(3, timeout=20)

    def kernel(part, first, last):
        meeting.wait()  # three at a time, or never
        done.append((part, first, last))

    share_out(kernel, 7, 1000)
    assert sorted(done) == [(0, 0, 2), (1, 2, 4), (2, 4, 7)]


def test_failure_in_any_thread_is_the_callers(three_threads):
    three_threads()

    def kernel(part, first, last):
        if part == 2:
            raise ValueError('part 2')

    with pytest.raises(ValueError, match='part 2'):
        share_out(kernel, 7, 1000)


@pytest.mark.parametrize('called', [1, 0])
def test_smaller_team_does_all_the_work_and_an_interrupt_is_raised(monkeypatch, called):
    monkeypatch.setattr(threads, '_openmp', lambda: SimpleNamespace(
        omp_get_thread_num=lambda: 0, omp_get_num_threads=lambda: 1,
        GOMP_parallel=lambda work, *options: work(None) if called else None))
    done = []
    if called:
        threads._run_on_openmp(done.append, 3)
        assert done == [0, 1, 2]
    else:
        with pytest.raises(RuntimeError, match='interrupted'):
            threads._run_on_openmp(done.append, 3)
