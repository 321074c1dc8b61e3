"""The precision in which the classifiers train and predict."""

import copy

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skheart.nets._device import uses_bfloat16
from tests.helpers.small import SMALL, make, small_cnn, small_rnn

CPU = torch.device("cpu")


@pytest.mark.parametrize("build", SMALL)
@pytest.mark.parametrize("in_hardware", [True, False])
def test_auto_trains_in_bfloat16_on_processors_that_support_it(build, in_hardware, monkeypatch):
    monkeypatch.setattr("skheart.nets._device.multiplies_bfloat16", lambda: in_hardware)
    X, y = make()
    logits = {
        precision: build(precision=precision)
        .fit(X, y)
        .set_params(precision="float32")
        .decision_function(X)
        for precision in ("auto", "float32", "bfloat16")
    }
    named = "bfloat16" if in_hardware else "float32"
    np.testing.assert_array_equal(logits["auto"], logits[named])
    assert not np.array_equal(logits["bfloat16"], logits["float32"])


@pytest.mark.parametrize("build", SMALL)
def test_auto_predicts_in_float32_and_bfloat16_is_near(build):
    X, y = make()
    clf = build(max_epochs=6).fit(X, y)
    probabilities = {
        precision: clf.set_params(precision=precision).predict_proba(X)
        for precision in ("auto", "float32", "bfloat16")
    }
    np.testing.assert_array_equal(probabilities["auto"], probabilities["float32"])
    off = np.abs(probabilities["bfloat16"] - probabilities["float32"]).max()
    assert 0 < off < 1e-2


def test_float32_predictions_are_those_of_the_module():
    X, y = make(40)
    clf = small_cnn().fit(X, y)
    module = copy.deepcopy(clf.net_.module_).double()
    with torch.no_grad():
        expected = torch.softmax(module(torch.from_numpy(X).double()), 1).numpy()
    np.testing.assert_allclose(clf.predict_proba(X), expected, atol=1e-5)


@pytest.mark.parametrize("build", [small_cnn, small_rnn])
def test_settings_of_torch_are_left_as_they_were(build):
    def settings():
        return (
            torch.get_num_threads(),
            torch.is_autocast_enabled("cpu"),
            torch.get_autocast_dtype("cpu"),
            torch.get_float32_matmul_precision(),
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            torch.backends.mkldnn.enabled,
        )

    inside = []

    class Look(Callback):
        def on_batch_end(self, net, **kwargs):
            inside.append(settings())

    X, y = make()
    before = settings()
    clf = build(precision="bfloat16", max_epochs=1, n_threads=2).set_params(callbacks=[Look()])
    clf.fit(X, y).predict(X)
    assert settings() == before
    assert inside
    assert all(seen[1:] == before[1:] for seen in inside)


def test_auto_precision_of_each_device(monkeypatch):
    monkeypatch.setattr("skheart.nets._device.multiplies_bfloat16", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: (7, 5))
    cuda = torch.device("cuda")
    assert uses_bfloat16("auto", CPU)
    assert not uses_bfloat16("auto", torch.device("meta"))
    assert not uses_bfloat16("auto", cuda)
    assert uses_bfloat16("bfloat16", cuda)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda device: (8, 0))
    assert uses_bfloat16("auto", cuda)
    assert not uses_bfloat16("float32", cuda)
