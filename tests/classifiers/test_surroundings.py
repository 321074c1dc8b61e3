"""Fits and predictions inside the settings, threads and processes of others."""

import os
import threading
import time

import numpy as np
import pytest
import torch

from skheart import HeartPhaseSegmenter
from skheart.datasets import make_heart_sounds
from tests.helpers.small import make, small_cnn, small_rnn


class DefaultDtype:
    def __enter__(self):
        torch.set_default_dtype(torch.float64)

    def __exit__(self, *_):
        assert torch.get_default_dtype() == torch.float64  # left as it was
        torch.set_default_dtype(torch.float32)


SURROUNDINGS = {
    "float64": DefaultDtype,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "inference_mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "meta": lambda: torch.device("meta"),
}


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
@pytest.mark.parametrize("build", [small_cnn, small_rnn])
def test_settings_of_torch_around_a_fit_change_nothing(build, surroundings):
    X, y = make()
    expected = build(max_epochs=2).fit(X, y).predict_proba(X)
    clf = build(max_epochs=2)
    with SURROUNDINGS[surroundings]():
        found = clf.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(clf.predict_proba(X), expected)


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_settings_of_torch_around_a_segmenter_change_nothing(surroundings):
    sounds = make_heart_sounds(4, recordings_per_subject=1, duration=3.0, random_state=0)

    def fitted():
        segmenter = HeartPhaseSegmenter(width=4, n_layers=2, max_epochs=1, random_state=0)
        return segmenter.fit(sounds.data, sounds.segmentation).predict_proba(sounds.data)[0]

    expected = fitted()
    with SURROUNDINGS[surroundings]():
        np.testing.assert_array_equal(fitted(), expected)


def end_of(child):
    """Return the status of a forked process, or None if it does not end in 30 s."""
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.05)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None


@pytest.fixture
def busy():
    """A small model, its data, and a fit that goes on in another thread."""
    X, y = make(64)
    model = small_cnn(max_epochs=1).fit(X, y)
    fitting = small_cnn(max_epochs=60)
    thread = threading.Thread(target=fitting.fit, args=(X, y))
    thread.start()
    while thread.is_alive() and not hasattr(fitting, "classes_"):
        time.sleep(0.01)
    yield model, X, y, fitting, thread
    thread.join()


def test_predictions_do_not_wait_for_a_fit_and_change_nothing(busy):
    model, X, y, fitting, thread = busy
    expected = model.predict_proba(X)
    for _ in range(5):
        np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert thread.is_alive()
    thread.join()
    np.testing.assert_array_equal(
        fitting.predict_proba(X), small_cnn(max_epochs=60).fit(X, y).predict_proba(X)
    )


def test_a_fit_goes_on_while_many_threads_predict():
    X, y = make(64)
    model, stop = small_cnn(max_epochs=1).fit(X, y), threading.Event()

    def work():
        while not stop.is_set():
            model.predict_proba(X[:4])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    fitting = threading.Thread(target=small_cnn(max_epochs=5).fit, args=(X, y))
    fitting.start()
    fitting.join(60)
    ended = not fitting.is_alive()
    stop.set()
    for thread in (*threads, fitting):
        thread.join()
    assert ended


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded")
def test_a_fork_waits_for_the_compiler():
    """A lock of numba that another thread holds would be held in the child for ever."""
    from numba.core.compiler_lock import global_compiler_lock

    from skheart._cpu import compiled

    held, double = threading.Event(), compiled.compiled(lambda x: 2 * x)

    def hold():
        with global_compiler_lock:
            held.set()
            time.sleep(0.5)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if double(2.0) == 4 else 3)
    assert end_of(child) == 0
    thread.join()


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded")
@pytest.mark.parametrize("build", [small_cnn, small_rnn])
def test_a_forked_process_predicts_while_another_thread_fits(busy, build):
    _, X, y, _, _ = busy
    model = build(max_epochs=1, n_threads=2).fit(X, y)
    expected = model.predict_proba(X)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.allclose(model.predict_proba(X), expected, atol=1e-6) else 3)
    assert end_of(child) == 0
