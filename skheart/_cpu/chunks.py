"""Work on a batch in chunks of recordings that stay in the cache, shared among threads.

A chunk is computed by one thread whatever the number of threads is, and sums over the chunks are
taken in their order: numbers do not depend on the number of threads.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

__all__ = ["borrow", "chunk_slices", "give_back", "in_chunks", "worker_threads"]

# Bytes of the largest map of a chunk: a few of them lie in the cache at once.
CHUNK_BYTES = 1 << 22

_local = threading.local()


@contextmanager
def worker_threads(n_threads):
    """Let `in_chunks` use several threads in this block; each runs torch on one.

    Large buffers are used again and again within it: a page that the system hands out anew is
    filled with zeros first, which took a third of a training step.

    Parameters
    ----------
    n_threads : int
        The number of threads; 1 works in the calling thread.
    """
    # glibc learns from what is freed: after a block of nearly 32 MB (the largest that counts) it
    # keeps smaller ones for the next use rather than give them back to the system. Never touched,
    # the block costs nothing.
    torch.empty(31 << 20, dtype=torch.uint8)
    before = vars(_local).copy()
    _local.buffers = {}
    try:
        if n_threads == 1:
            _local.pool = None
            yield
            return
        with ThreadPoolExecutor(n_threads, initializer=_one_thread) as _local.pool:
            yield
    finally:
        vars(_local).clear()
        vars(_local).update(before)


def _one_thread():
    torch.set_num_threads(1)


def chunk_slices(n_rows, row_bytes):
    """Slices of a batch, each of about `CHUNK_BYTES`.

    Parameters
    ----------
    n_rows : int
        Rows of the batch.
    row_bytes : int
        Bytes of the largest map of a row.

    Returns
    -------
    list of slice
    """
    size = max(1, CHUNK_BYTES // row_bytes)
    return [slice(start, start + size) for start in range(0, n_rows, size)]


def in_chunks(function, slices):
    """The results of a function for each slice, in order, without gradients.

    Parameters
    ----------
    function : callable
        Takes a slice.
    slices : list of slice
        The chunks.

    Returns
    -------
    list
    """

    def work(rows):
        with torch.no_grad():  # a setting of each thread
            return function(rows)

    pool = getattr(_local, "pool", None)
    if pool is None or len(slices) == 1:
        return [work(rows) for rows in slices]
    return list(pool.map(work, slices))


def borrow(shape, dtype, memory_format=torch.contiguous_format):
    """An uninitialised tensor, to be given back."""
    free = getattr(_local, "buffers", {}).get((tuple(shape), dtype, memory_format))
    if free:
        return free.pop()
    return torch.empty(shape, dtype=dtype, memory_format=memory_format)


def give_back(buffer, memory_format=torch.contiguous_format):
    """Let a borrowed tensor be borrowed again; nobody may hold it any longer."""
    buffers = getattr(_local, "buffers", None)
    if buffers is not None:
        key = tuple(buffer.shape), buffer.dtype, memory_format
        buffers.setdefault(key, []).append(buffer)
