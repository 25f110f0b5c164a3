"""Threads for compiled kernels that release the interpreter lock; Numba's own take four times as long to compile."""
import functools
import os
from concurrent.futures import ThreadPoolExecutor

import torch

WORTH_A_THREAD = 1_000_000  # operations; with fewer, handing them over costs more than it saves


@functools.cache
def _pool(threads):
    """Kept, since starting threads at every call costs more than a small kernel."""
    return ThreadPoolExecutor(threads)


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def max_parts(total):
    """The most parts that `share_out` makes of `total` items."""
    return max(1, min(torch.get_num_threads(), total))


def share_out(kernel, total, cost):
    """Run `kernel(part, first, last)` on contiguous parts of range(total), as many as torch may use threads.

    Args:
        kernel (callable): Takes the number of the part, its first item, and the item behind its last.
        total (int): Number of items.
        cost (int): Operations in all.
    """
    parts = min(max_parts(total), 1 + cost // WORTH_A_THREAD)
    bounds = [total * part // parts for part in range(parts + 1)]
    jobs = list(zip(range(parts), bounds, bounds[1:]))
    waiting = [_pool(parts - 1).submit(kernel, *job) for job in jobs[1:]]
    kernel(*jobs[0])
    for job in waiting:
        job.result()
