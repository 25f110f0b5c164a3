"""Threads for compiled kernels that release the interpreter lock.

Where torch uses GNU's OpenMP, as on Linux, a kernel runs on torch's own threads. Between two operations these wait by
spinning, and would compete for the cores with threads of ours: on two cores, a training step of `small` takes 10 to
18 % longer with a thread pool, and 15 % longer with kernels on one thread. Elsewhere a thread pool is used. Numba's
parallel loops take four times as long to compile.

As for torch's operations, call `torch.set_num_threads(1)` after a fork; PyTorch's data loaders do.
"""
import ctypes
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

WORTH_A_THREAD = 200_000  # operations; with fewer, a second thread costs more than it saves
_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def max_parts(total: int) -> int:
    """The largest number of parts into which `share_out` divides `total` items."""
    return max(1, min(torch.get_num_threads(), total))


def share_out(kernel: Callable[[int, int, int], None], total: int, cost: int) -> None:
    """Run `kernel(part, first, last)` on contiguous parts of range(total), one for each thread that torch may use.

    Args:
        kernel: Takes the number of the part, its first item, and the item after its last.
        total: Number of items.
        cost: Number of operations for all items.
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
        try:  # the team can be smaller than requested
            for part in range(_openmp().omp_get_thread_num(), parts, _openmp().omp_get_num_threads()):
                job(part)
                done.append(part)
        except BaseException as error:
            failed.append(error)

    _openmp().GOMP_parallel(work, None, parts, 0)
    if failed:
        raise failed[0]
    if len(done) < parts:  # ctypes drops exceptions from before `try`, such as an interrupt
        raise RuntimeError('a compiled kernel was interrupted.')


def _run_on_pool(job, parts):
    waiting = [_pool(parts - 1).submit(job, part) for part in range(1, parts)]
    job(0)
    for task in waiting:
        task.result()


@functools.cache
def _openmp():
    """The OpenMP library that torch uses if it has GNU's interface, otherwise None.

    Copies that other packages bring have their own threads.
    """
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).with_name('lib') / 'libtorch_cpu.so'))
        library.GOMP_parallel.argtypes = _CALLBACK, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint
        library.GOMP_parallel.restype = None
    except (OSError, AttributeError):
        return None
    return library


@functools.cache
def _pool(threads):
    """A cached pool: starting threads in every call costs more than a small kernel."""
    return ThreadPoolExecutor(threads)


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
