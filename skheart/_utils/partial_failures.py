"""Process many recordings so that one that fails does not lose the others."""

from __future__ import annotations

__all__ = ["in_order", "process_groups"]


def process_groups(work, paths, groups=None, *, chunk_size=16):
    """Call `work` on a few groups at a time and yield (row, result, error) of each recording.

    ``work(chunk)`` takes a list of groups, each a list of rows, and returns one result per group.
    `groups` has the group of each recording; with None, each recording is a group. A chunk has
    `chunk_size` recordings, or more to complete a group. A group that fails is processed without
    the recordings that also fail alone: their result is None, and `error` says why. Groups come in
    the order of their first recordings.
    """
    rows_of = {}
    for row, group in enumerate(range(len(paths)) if groups is None else groups):
        rows_of.setdefault(group, []).append(row)
    chunk = []
    for rows in rows_of.values():
        if chunk and sum(map(len, chunk)) + len(rows) > chunk_size:
            yield from _process(work, paths, chunk)
            chunk = []
        chunk.append(rows)
    if chunk:
        yield from _process(work, paths, chunk)


def _process(work, paths, chunk):
    """Return (row, result, error) for each row of a chunk."""
    rows = [row for group in chunk for row in group]
    try:
        results = zip(chunk, work(chunk), strict=True)
        return [(row, result, None) for group, result in results for row in group]
    except MemoryError:
        those = f"{paths[rows[0]]} is" if len(rows) == 1 else f"{len(rows)} recordings are"
        error = ValueError(f"{those} too long for the memory of this machine.")
    except (OSError, ValueError) as caught:
        error = caught
    if len(chunk) > 1:
        return [answer for group in chunk for answer in _process(work, paths, [group])]
    alone = [_process(work, paths, [[row]])[0] for row in rows] if len(rows) > 1 else []
    readable = [row for row, _, failure in alone if failure is None]
    if len(readable) == len(alone):  # a single recording, or too many at once
        return [(row, None, error) for row in rows]
    failed = [answer for answer in alone if answer[-1] is not None]
    return failed + (_process(work, paths, [readable]) if readable else [])


def in_order(answers):
    """Reorder tuples that begin with a row number, each as soon as all before it are there."""
    waiting, following = {}, 0
    for answer in answers:
        waiting[answer[0]] = answer
        while following in waiting:
            yield waiting.pop(following)
            following += 1
