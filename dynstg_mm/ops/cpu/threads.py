"""Threads for compiled kernels that release the interpreter lock; Numba's own take four times as long to compile.

A kernel runs on the very threads that torch's operations run on, where that is GNU's OpenMP, as on Linux: those wait
for work by spinning for some milliseconds, and would take the cores from threads of our own. What holds for them holds
here: after a fork, `torch.set_num_threads(1)`, as PyTorch's data loaders do.
"""
import ctypes
import functools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

WORTH_A_THREAD = 200_000  # operations; with fewer, handing them over costs more than it saves
_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


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
    if parts == 1:
        kernel(0, 0, total)
        return
    bounds = [total * part // parts for part in range(parts + 1)]
    run = _run_on_pool if _openmp() is None else _run_on_openmp
    run(lambda part: kernel(part, bounds[part], bounds[part + 1]), parts)


def _run_on_openmp(job, parts):
    done, failed = [], []

    @_CALLBACK
    def work(_):
        try:  # the team can be smaller than asked for
            for part in range(_openmp().omp_get_thread_num(), parts, _openmp().omp_get_num_threads()):
                job(part)
                done.append(part)
        except BaseException as error:
            failed.append(error)

    _openmp().GOMP_parallel(work, None, parts, 0)
    if failed:
        raise failed[0]
    if len(done) < parts:  # ctypes drops what is raised before `try`, such as an interrupt
        raise RuntimeError('a compiled kernel was interrupted.')


def _run_on_pool(job, parts):
    waiting = [_pool(parts - 1).submit(job, part) for part in range(1, parts)]
    job(0)
    for task in waiting:
        task.result()


@functools.cache
def _openmp():
    """The OpenMP that torch runs on if it can be called as GNU's, else None; the copies that other packages bring have
    threads of their own."""
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).with_name('lib') / 'libtorch_cpu.so'))
        library.GOMP_parallel.argtypes = _CALLBACK, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint
        library.GOMP_parallel.restype = None
    except (OSError, AttributeError):
        return None
    return library


@functools.cache
def _pool(threads):
    """Kept, since starting threads at every call costs more than a small kernel."""
    return ThreadPoolExecutor(threads)


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
