"""find_readable: which recordings can be read, before a split."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from skheart.audio import RecordingWarning, find_readable, read_recording


@pytest.fixture
def paths(tmp_path):
    """Good, no sound, missing, with NaN, good."""
    paths = [str(tmp_path / f"{name}.wav") for name in "abcde"]
    for path in (paths[0], paths[4]):
        soundfile.write(path, np.ones(100) / 2, 4000)
    (tmp_path / "b.wav").write_bytes(b"no sound")
    soundfile.write(paths[3], np.array([0.1, np.nan]), 4000, subtype="FLOAT")
    return paths


def test_rows_are_those_that_can_be_read(paths):
    found = find_readable(paths, on_error="skip")
    assert found.rows.tolist() == [0, 4]
    table = pd.DataFrame(found.skipped, columns=["row", "path", "reason"])
    assert table.row.tolist() == [1, 2, 3]
    assert table.path.tolist() == paths[1:4]
    for path, reason in zip(table.path, table.reason, strict=True):
        with pytest.raises((OSError, ValueError)) as error:
            read_recording(path)
        assert str(error.value) == reason
    y = np.array(list("vwxyz"))
    assert y[found.rows].tolist() == ["v", "z"]
    assert find_readable(pd.Series(paths), on_error="skip", decode=False).rows.tolist() == [0, 3, 4]


def test_errors_are_raised_or_warned_about(paths):
    with pytest.warns(RecordingWarning, match=r"3 recording\(s\) are left out: .*b\.wav") as seen:
        find_readable(paths)
    assert seen[0].filename == __file__
    with pytest.raises(ValueError, match=r"b\.wav' cannot be read"):
        find_readable(paths, on_error="raise")
    with pytest.raises(ValueError, match=r"None of 2 recordings can be read.*b\.wav"):
        find_readable(paths[1:3], on_error="skip")
    with pytest.raises(ValueError, match="on_error must be 'raise', 'warn' or 'skip'. Got 'drop'"):
        find_readable(paths, on_error="drop")


def test_arrays(recwarn):
    arrays = [np.ones(9), np.array([1, np.inf]), np.ones(3), np.array([])]
    found = find_readable(arrays, on_error="skip")
    assert found.rows.tolist() == [0, 2]
    assert [(row, path) for row, path, _ in found.skipped] == [(1, None), (3, None)]
    assert find_readable(np.ones((2, 5))).rows.tolist() == [0, 1]
    assert not recwarn.list
