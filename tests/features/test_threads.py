"""LogMelTransformer with threads: same results, reading ahead, no thread left."""

from __future__ import annotations

import threading

import joblib
import numpy as np
import pytest
from sklearn.base import clone

from skheart import LogMelTransformer
from skheart.features import _transformer as features


@pytest.mark.parametrize("params", [{}, {"standardize": False}, {"pad": "mask"}], ids=str)
def test_threads_change_nothing(params):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=size).astype(np.float32) for size in (3000, 800, 1500, 257) * 13]
    one = LogMelTransformer(duration=0.5, **params)
    expected = one.fit_transform(X)
    for n_jobs in (2, 5, -1):
        other = clone(one).set_params(n_jobs=n_jobs)
        np.testing.assert_array_equal(other.fit_transform(X), expected)
        np.testing.assert_array_equal(other.mean_, one.mean_)
        np.testing.assert_array_equal(other.scale_, one.scale_)
        np.testing.assert_array_equal(other.fit(X).transform(X), expected)
    # Processes could not write to one array: threads are used anyway.
    with joblib.parallel_config("loky", n_jobs=2):
        np.testing.assert_array_equal(clone(one).fit_transform(X), expected)


def threads_of_skheart():
    pools = ("skheart-reader", "skheart-worker")
    return [t.name for t in threading.enumerate() if t.name.startswith(pools)]


def test_files_are_read_ahead(paths, monkeypatch):
    """Computing waits for later files, and at most a few are read ahead."""
    read = [threading.Event() for _ in paths]
    done, ahead = [], []
    load, compute = features.load_kept, features.LogMel.__call__

    def load_and_tell(recording, row, *args, **kwargs):
        samples = load(recording, row, *args, **kwargs)
        read[row].set()
        return samples

    def compute_late(self, recordings, out):
        done.extend(recordings)
        assert read[min(len(done) + 1, len(paths) - 1)].wait(timeout=20)
        ahead.append(sum(event.is_set() for event in read) - len(done))
        return compute(self, recordings, out)

    expected = LogMelTransformer(duration=0.5, n_jobs=2).fit_transform(paths)
    monkeypatch.setattr(features, "load_kept", load_and_tell)
    monkeypatch.setattr(features.LogMel, "__call__", compute_late)
    np.testing.assert_array_equal(LogMelTransformer(duration=0.5).fit_transform(paths), expected)
    assert len(done) == 20
    assert 2 <= max(ahead) <= 5
    assert threads_of_skheart() == []


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_first_invalid_recording_is_reported(n_jobs, paths):
    paths[3], paths[4] = paths[0].with_name("absent.wav"), paths[0].with_name("other.wav")
    paths[17] = paths[0].parent
    transformer = LogMelTransformer(duration=0.5, n_jobs=n_jobs)
    for _ in range(3):
        with pytest.raises(FileNotFoundError, match=r"absent\.wav' does not exist"):
            transformer.fit(paths)
        assert threads_of_skheart() == []


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_an_interrupt_leaves_no_thread(n_jobs, paths, monkeypatch):
    computed, compute = [], features.LogMel.__call__

    def interrupted(self, recordings, out):
        if computed:
            raise KeyboardInterrupt
        computed.extend(recordings)
        return compute(self, recordings, out)

    monkeypatch.setattr(features.LogMel, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        LogMelTransformer(duration=0.5, n_jobs=n_jobs).fit_transform(paths)
    assert 0 < len(computed) < 20
    assert threads_of_skheart() == []
