"""Joined recordings remember their parts."""

import pickle

import numpy as np
import pytest

from skheart.audio import JoinedRecording, LazyConcatenation

PARTS = [np.full(n, n, np.float32) for n in (2, 3, 2)]


@pytest.mark.parametrize("copy", [lambda x: x, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_joined_recording_is_an_array_that_remembers_its_parts(copy):
    whole = copy(JoinedRecording.of(PARTS))
    np.testing.assert_array_equal(whole, np.concatenate(PARTS))
    assert whole.dtype == np.float32
    assert whole.ends == (2, 5, 7)
    assert [part.tolist() for part in whole.parts()] == [part.tolist() for part in PARTS]
    assert all(type(part) is np.ndarray for part in whole.parts())


@pytest.mark.parametrize("change", [lambda x: x[1:], lambda x: 2 * x, lambda x: x[::-1]])
def test_a_changed_joined_recording_has_no_parts(change):
    assert change(JoinedRecording.of(PARTS)).ends is None


def test_recordings_are_joined_when_an_array_is_needed():
    lazy = LazyConcatenation(PARTS)
    np.testing.assert_array_equal(np.asarray(lazy), np.concatenate(PARTS))
    assert np.asarray(lazy, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy=False is not possible"):
        lazy.__array__(copy=False)  # NumPy 2 passes it on
