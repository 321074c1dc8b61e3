"""Work on recordings in threads: it releases the GIL, and all write to one array."""

from __future__ import annotations

import collections
import contextlib
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

_AHEAD = 4  # what is read before it is asked for


@contextlib.contextmanager
def read_ahead(load, rows):
    """Call `load` for each row in a thread that is a few rows ahead.

    Yields an iterator over what it returned, in order. What it raised is raised at its row.
    The thread ends with the context.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="skheart-reader")

    def loaded():
        waiting = collections.deque()
        for row in rows:
            waiting.append(pool.submit(load, row))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    try:
        yield loaded()
    finally:
        pool.shutdown(cancel_futures=True)


def in_tasks(work, n_rows, n_rows_each, n_threads):
    """What `work` returned for each range of a few rows, in order.

    What it raised is raised: that of the first task that failed, and no more are begun.
    """
    rows = range(n_rows)
    tasks = [rows[start : start + n_rows_each] for start in rows[::n_rows_each]]
    if n_threads == 1:
        return list(map(work, tasks))
    # Threads that write side by side would both clear the large page on which they meet.
    share = min(16, -(-len(tasks) // (4 * n_threads)))
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="skheart")
    try:
        calls = [
            pool.submit(lambda part: list(map(work, part)), tasks[start : start + share])
            for start in range(0, len(tasks), share)
        ]
        # Not map: it would wake this thread after each call, and stop one that works.
        wait(calls, return_when=FIRST_EXCEPTION)
    finally:
        pool.shutdown(cancel_futures=True)
    return [result for call in calls for result in call.result()]


@contextlib.contextmanager
def progress(total, what, verbose):
    """A bar on standard error while recordings are worked on, in any thread.

    Yields a function to call with the number of recordings that are done.

    Parameters
    ----------
    total : int
        The number of recordings.
    what : str
        What is done to them.
    verbose : int
        0 shows none.
    """
    if not verbose:
        yield lambda number: None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=what, unit="recording") as bar:

        def advance(number):
            with bar.get_lock():
                bar.update(number)

        yield advance
