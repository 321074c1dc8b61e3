"""Little work compiles nothing; what the processor can do; where no cache can be written."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from skheart import AttentionCNNClassifier, LogMelTransformer
from skheart._cpu import compiled, hardware
from skheart._cpu.work import expected_recordings, expecting
from tests.helpers.small import make

FIRST_PREDICTION = """
import sys
import numpy as np
from skheart import load_pretrained
sound = np.random.default_rng(0).normal(0, 0.1, 20 * 4000)
print(load_pretrained("circor-murmur").predict([sound]))
sys.exit("numba" in sys.modules or "llvmlite" in sys.modules)
"""


def test_a_first_prediction_does_not_import_numba():
    subprocess.run([sys.executable, "-c", FIRST_PREDICTION], check=True, timeout=120)


def test_calls_are_parts_of_larger_ones():
    assert expected_recordings(3) == 3
    with expecting(10):
        assert expected_recordings(3) == 10
        assert expected_recordings(30) == 30
    assert expected_recordings(3) == 3


def test_with_compiled_loops_labels_are_the_same(monkeypatch):
    X, y = make(n=60)
    sounds = np.random.default_rng(0).normal(size=(12, 4000))
    settings = {"channels": (8, 16), "max_epochs": 3, "random_state": 0}
    found = []
    for many in (False, True):
        if many:
            monkeypatch.setattr("skheart._cpu.work.COMPILE_WORK", 0)
            monkeypatch.setattr("skheart.features._transformer.COMPILE_SECONDS", 0)
            monkeypatch.setattr("skheart._cpu.conv_block.MIN_CHANNELS", 1)
            monkeypatch.setattr("skheart._cpu.winograd.MIN_PAIRS", 1)
        for precision in ("float32", "bfloat16"):
            clf = AttentionCNNClassifier(precision=precision, **settings).fit(X, y)
            found.append((clf.predict(X), clf.predict_proba(X)))
        features = LogMelTransformer(duration=1.0).fit_transform(sounds)
        found.append((np.zeros(0), features))
    for (plain_labels, plain), (labels, values), atol in zip(
        found[:3], found[3:], (1e-4, 5e-2, 1e-5), strict=True
    ):
        np.testing.assert_array_equal(labels, plain_labels)
        np.testing.assert_allclose(values, plain, atol=atol)


def test_without_a_folder_for_machine_code_loops_are_compiled_in_memory(monkeypatch):
    njit = compiled.njit

    def without_folder(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(compiled, "njit", without_folder)
    assert compiled.compiled(lambda x: x + 1)(2) == 3


@pytest.mark.parametrize("old_torch", [False, True])
def test_bfloat16_is_multiplied_where_the_processor_says_so(old_torch, monkeypatch):
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            flags = set(cpuinfo.read().split())
    except OSError:
        flags = set()
    if old_torch:
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert hardware.multiplies_bfloat16() == bool(flags & {"avx512_bf16", "amx_bf16"})


def test_bfloat16_is_not_used_where_the_processor_is_unknown(monkeypatch):
    def absent(*args, **kwargs):
        raise FileNotFoundError

    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr("builtins.open", absent)
    assert not hardware.multiplies_bfloat16()
