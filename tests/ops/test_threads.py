import threading

import pytest

from dynstg_mm.ops.threads import share_out


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
