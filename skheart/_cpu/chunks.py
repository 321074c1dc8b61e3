"""Split a batch into chunks of recordings that stay in the cache, shared among threads.

A chunk is computed by one thread whatever the number of threads is, and sums over the chunks are
taken in their order: results do not depend on the number of threads.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager

import torch

from .._utils.parallel import thread_pool

__all__ = ["borrow", "chunk_slices", "give_back", "in_chunks", "worker_threads"]

# Bytes of the largest feature map of a chunk: a few of them fit into the cache at once.
CHUNK_BYTES = 1 << 22

LAST = torch.channels_last

_local = threading.local()


@contextmanager
def worker_threads(n_threads):
    """Let `in_chunks` use several threads in this block; each runs torch on one.

    Large buffers are used again and again within it: memory that the system hands out anew is
    filled with zeros first, which took a third of a training step.

    Parameters
    ----------
    n_threads : int
        The number of threads; 1 works in the calling thread.
    """
    # After a block of nearly 32 MB (the largest that counts) is freed, glibc keeps smaller ones for
    # the next use instead of returning them to the system. Never touched, the block costs nothing.
    torch.empty(31 << 20, dtype=torch.uint8)
    before = vars(_local).copy()
    _local.buffers = {}
    try:
        if n_threads == 1:
            _local.pool = None
            yield
            return
        with thread_pool(n_threads, "chunks", _use_one_thread) as _local.pool:
            yield
    finally:
        vars(_local).clear()
        vars(_local).update(before)


def _use_one_thread():
    torch.set_num_threads(1)


def chunk_slices(n_rows, row_bytes):
    """Slices of a batch, each of about `CHUNK_BYTES`.

    Parameters
    ----------
    n_rows : int
        Rows of the batch.
    row_bytes : int
        Bytes of the largest feature map of a row.

    Returns
    -------
    list of slice
    """
    size = max(1, CHUNK_BYTES // row_bytes)
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def in_chunks(function, chunks):
    """Call a function for each chunk, without gradients.

    Parameters
    ----------
    function : callable
        Takes a chunk.
    chunks : sequence
        Slices of a batch, or whatever `function` takes.

    Returns
    -------
    list
        The results, in order.
    """

    def work(chunk):
        with torch.no_grad():  # a setting of each thread
            return function(chunk)

    pool = getattr(_local, "pool", None)
    if pool is None or len(chunks) == 1:
        return [work(chunk) for chunk in chunks]
    return list(pool.map(work, chunks))


def borrow(shape, dtype):
    """Return an uninitialised tensor with the channels last, to be given back."""
    free = getattr(_local, "buffers", {}).get((tuple(shape), dtype))
    return free.pop() if free else torch.empty(shape, dtype=dtype, memory_format=LAST)


def give_back(buffer):
    """Let a borrowed tensor be borrowed again; nobody may hold it any longer."""
    if hasattr(_local, "buffers"):
        _local.buffers.setdefault((tuple(buffer.shape), buffer.dtype), []).append(buffer)
