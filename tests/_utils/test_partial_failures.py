"""Chunks of recordings, some of which fail."""

import numpy as np
import pytest

from skheart._utils.partial_failures import in_order, process_groups

GROUPS = np.resize(["x", "y", "z", "x", "w"], 20)


def work_on(paths, calls=None):
    """Sum the numbers in the paths of each group, as reading files would."""

    def work(chunk):
        rows = [row for group in chunk for row in group]
        if calls is not None:
            calls.append(len(rows))
        if len(rows) > 1 and any("together" in paths[row] for row in rows):
            raise MemoryError
        for row in rows:
            if "bad" in paths[row]:
                raise OSError(f"{paths[row]} is bad")
        return [sum(int(paths[row].split("_")[0]) for row in group) for group in chunk]

    return work


@pytest.mark.parametrize(
    ("chunk_size", "calls"), [(1, [8, 4, 4, 4]), (4, [8, 4, 4, 4]), (12, [12, 8]), (100, [20])]
)
def test_chunks_hold_whole_groups_and_rows_come_in_order(chunk_size, calls):
    paths, found = list(map(str, range(20))), []
    answers = process_groups(work_on(paths, found), paths, GROUPS, chunk_size=chunk_size)
    sums = {group: int(np.flatnonzero(group == GROUPS).sum()) for group in GROUPS}
    expected = [(row, sums[group], None) for row, group in enumerate(GROUPS)]
    assert list(in_order(answers)) == expected
    assert found == calls


def test_without_groups_each_recording_is_one():
    paths = ["0", "1_bad", "2", "3", "4_bad"]
    rows = list(process_groups(work_on(paths), paths, chunk_size=2))
    assert [row[:2] for row in rows] == [(0, 0), (1, None), (2, 2), (3, 3), (4, None)]
    assert [str(row[2]) for row in rows if row[2]] == ["1_bad is bad", "4_bad is bad"]


def test_a_bad_recording_leaves_its_group_the_others():
    paths = ["0", "1", "2", "3_bad", "4_bad", "5_bad", *map(str, range(6, 20))]
    groups = ["x", "x", "y", "x", "z", "z", *"w" * 14]
    rows = list(in_order(process_groups(work_on(paths), paths, groups)))
    assert [row[1] for row in rows[:6]] == [1, 1, 2, None, None, None]
    assert [str(row[2]) for row in rows[3:6]] == [f"{path} is bad" for path in paths[3:6]]
    assert {row[1:] for row in rows[6:]} == {(sum(range(6, 20)), None)}


def test_recordings_that_are_together_too_long():
    paths = ["0_together", "1_together", "2", "3_bad"]
    rows = list(process_groups(work_on(paths), paths, ["x", "x", "y", "y"]))
    message = "2 recordings are too long for the memory of this machine."
    assert [str(row[2]) for row in rows] == [message, message, "3_bad is bad", "None"]
    assert rows[3][:2] == (2, 2)


def test_other_errors_are_not_caught():
    with pytest.raises(ZeroDivisionError):
        list(process_groups(lambda chunk: 1 / 0, ["a"]))
