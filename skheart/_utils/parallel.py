"""Threads, for work that releases the GIL, and a progress bar."""

from __future__ import annotations

import collections
import contextlib
import os
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

_AHEAD = 4  # rows


def hold_at_fork(lock):
    """Let a fork wait for a lock: held by another thread, it would be held in the child for ever.

    For locks that are held for seconds.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )


@contextlib.contextmanager
def thread_pool(n_threads, name, initializer=None):
    """Yield a pool of threads; at the end, calls that have not begun are dropped."""
    pool = ThreadPoolExecutor(n_threads, f"skheart-{name}", initializer)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def read_ahead(load, rows):
    """Call `load` for each row in a thread that is a few rows ahead.

    Yields an iterator over the results, in order. An error is raised at its row. The thread ends
    with the context.
    """

    def loaded(pool):
        waiting = collections.deque()
        for row in rows:
            waiting.append(pool.submit(load, row))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    with thread_pool(1, "reader") as pool:
        yield loaded(pool)


def map_ranges(work, n_rows, n_rows_each, n_threads):
    """Call `work` on ranges of at most n_rows_each rows in threads; return the results in order.

    If a task fails, no more are started, and its error is raised.
    """
    rows = range(n_rows)
    tasks = [rows[start : start + n_rows_each] for start in rows[::n_rows_each]]
    if n_threads == 1:
        return list(map(work, tasks))
    # Each thread gets several consecutive ranges, so that two threads rarely write to one page.
    share = min(16, -(-len(tasks) // (4 * n_threads)))
    with thread_pool(n_threads, "worker") as pool:
        calls = [
            pool.submit(lambda part: list(map(work, part)), tasks[start : start + share])
            for start in range(0, len(tasks), share)
        ]
        # Not pool.map, which would wake this thread after each call.
        wait(calls, return_when=FIRST_EXCEPTION)
    return [result for call in calls for result in call.result()]


@contextlib.contextmanager
def progress(total, what, verbose, unit="recording"):
    """Show a progress bar on standard error if `verbose`, for work in any thread.

    Yields a function to call with the number of finished units.
    """
    if not verbose:
        yield lambda number: None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=what, unit=unit) as bar:

        def advance(number):
            with bar.get_lock():
                bar.update(number)

        yield advance


def track(items, total, what, verbose, unit="recording"):
    """Yield the items, with a progress bar if `verbose`."""
    with progress(total, what, verbose, unit) as advance:
        for item in items:
            yield item
            advance(1)
