"""The mel spectrogram, by SciPy and compiled, against NumPy's FFT in float64."""

import numpy as np
import pytest
import scipy.fft
import scipy.sparse
import soxr

from skheart import LogMelTransformer
from skheart._cpu.mel_spectrogram import MelSpectrogram
from skheart._cpu.vector_code import LANES, Function
from skheart._utils.parallel import map_ranges
from skheart.features._settings import make_plan


def filters_of(n_mels, n_bins):
    """Random filters of all widths."""
    rng = np.random.default_rng(n_mels)
    filters = np.zeros((n_mels, n_bins))
    for row in filters:
        first, last = np.sort(rng.integers(n_bins, size=2))
        row[first : last + 1] = rng.uniform(0.01, 1, size=last + 1 - first)
    return scipy.sparse.csr_array(filters)


def reference(samples, window, hop, filters, power, floor):
    starts = np.arange(0, len(samples) - len(window) + 1, hop)
    frames = np.asarray(samples, np.float64)[starts[:, None] + np.arange(len(window))] * window
    return np.abs(np.fft.rfft(frames, axis=1)) ** power @ filters.toarray().T + floor


def computed(samples, *settings, n_frames=None, dtype=np.float32, compiled):
    window, hop, filters, *_ = settings
    n_frames = n_frames or 1 + (len(samples) - len(window)) // hop
    out = np.empty((n_frames, filters.shape[0]), dtype)
    MelSpectrogram(*settings, dtype=dtype, compiled=compiled)(samples, out)
    return out


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("power", [1, 2, 0.5])
@pytest.mark.parametrize(
    ("n_fft", "hop", "n_mels"),
    [(16, 8, 8), (32, 5, 9), (64, 64, 23), (128, 200, 16), (256, 128, 64), (300, 77, 31),
     (1024, 333, 128)],
)  # fmt: skip
def test_equal_to_numpy(n_fft, hop, n_mels, power, dtype, compiled):
    rng = np.random.default_rng(n_fft)
    settings = rng.uniform(size=n_fft), hop, filters_of(n_mels, 1 + n_fft // 2), power, 1e-8
    samples = rng.normal(size=4000).astype(dtype)
    expected = reference(samples, *settings)
    found = computed(samples, *settings, compiled=compiled)
    np.testing.assert_allclose(found, expected, rtol=2e-6)
    exact = computed(samples, *settings, dtype=np.float64, compiled=compiled)
    np.testing.assert_allclose(exact, expected, rtol=1e-9)


@pytest.mark.parametrize("compiled", [False, True])
def test_quiet_bands_beside_loud_ones(compiled):
    """An empty upper band, as resampling leaves it; a transform in float32 fails there."""
    rng = np.random.default_rng(0)
    half = np.sin(2 * np.pi * 60 * np.arange(8000) / 2000) + 1e-3 * rng.normal(size=8000)
    samples = soxr.resample(half, 2000, 4000, quality="VHQ").astype(np.float64)
    plan = make_plan(LogMelTransformer(window="blackmanharris").get_params())
    settings = plan.window, plan.hop_length, plan.filters, 1, 1e-8
    expected = np.log(reference(samples, *settings))
    assert expected.max() - expected.min() > 14
    found = np.log(computed(samples, *settings, compiled=compiled))
    np.testing.assert_allclose(found, expected, atol=5e-6)
    frames = np.lib.stride_tricks.sliding_window_view(samples, 256)[::128] * plan.window
    narrow = np.abs(scipy.fft.rfft(frames.astype(np.float32), axis=1)) @ plan.filters.toarray().T
    assert np.abs(np.log(narrow + 1e-8) - expected).max() > 1e-4


@pytest.mark.parametrize("n_frames", [1, LANES - 1, LANES, LANES + 1, 3 * LANES + 5])
def test_frames_do_not_depend_on_their_number_and_nothing_else_is_written(n_frames):
    rng = np.random.default_rng(0)
    settings = rng.uniform(size=64), 61, filters_of(19, 33), 1, 1e-8
    samples = rng.normal(size=64 + 61 * (n_frames - 1))
    longer = computed(np.r_[samples, rng.normal(size=1000)], *settings, compiled=True)
    room = np.full((n_frames + 2, 19), -7, np.float32)
    MelSpectrogram(*settings, compiled=True)(samples, room[1:-1])
    assert (room[[0, -1]] == -7).all()
    np.testing.assert_array_equal(room[1:-1], longer[:n_frames])


@pytest.mark.parametrize("compiled", [False, True])
def test_samples_in_any_layout_and_threads(compiled):
    rng = np.random.default_rng(0)
    settings = rng.uniform(size=64), 32, filters_of(16, 33), 2, 0.0
    samples = rng.normal(size=4000)
    expected = computed(samples, *settings, compiled=compiled)
    locked = samples.copy()
    locked.flags.writeable = False
    shifted = np.frombuffer(b"\0" + samples.tobytes(), dtype=np.uint8)[1:].view(np.float64)
    assert not shifted.flags.aligned
    forms = [np.repeat(samples, 2)[::2], samples[::-1].copy()[::-1], locked, shifted]
    spectrogram, out = MelSpectrogram(*settings, compiled=compiled), np.empty((4, *expected.shape))
    out = out.astype(np.float32)
    map_ranges(lambda rows: [spectrogram(forms[k], out[k]) for k in rows], 4, 1, 4)
    np.testing.assert_array_equal(out, np.broadcast_to(expected, out.shape))


def test_features_and_mean_of_both_forms(monkeypatch):
    """Including recordings beyond float32, and settings that are not compiled."""
    rng = np.random.default_rng(0)
    recordings = [10.0**k * rng.normal(size=4000) for k in (-30, -4, 0, 4, 25)]
    for params in ({}, {"power": 2, "pad": "mask"}, {"n_fft": 300}, {"log_floor": 1e-60}):
        transformer = LogMelTransformer(duration=1.0, n_mels=20, **params)
        plain, mean = transformer.fit_transform(recordings), transformer.mean_
        with monkeypatch.context() as patch:
            patch.setattr("skheart.features._transformer.COMPILE_SECONDS", 0)
            compiled = transformer.fit_transform(recordings)
            np.testing.assert_array_equal(transformer.transform(recordings), compiled)
        np.testing.assert_allclose(compiled, plain, atol=5e-6)
        np.testing.assert_allclose(transformer.mean_, mean, atol=1e-6)
        assert transformer.mean_.dtype == np.float64


def test_steps_of_vector_code():
    """Each step against NumPy."""
    function = Function({"x": "f8*", "narrow": "f4*", "out": "f8*", "count": "i8"})
    a = function.arguments
    x, narrow, out = a["x"].rows(), a["narrow"].rows(), a["out"].rows()
    start = function.number(0.5).spread()
    with function.loop(0, a["count"], carry=start) as (index, carried):
        carried.append(carried[0] * 2.0 + a["x"][index])
    out[0] = carried[-1]
    out[1] = (-x[0] - x[1]).where(x[0] < x[1], 9.0)
    out[2] = (x[0] * x[0]).sqrt()
    out[3] = narrow[0].to("f8")
    out[4], out[5] = x[0].interleave(x[1])
    out[6] = function.gather([a["x"][7 - k] for k in range(LANES)])
    out[7] = x[0].to("f4").to("f8")
    compiled = function.compile()
    rng = np.random.default_rng(0)
    first, second = values = rng.normal(size=(2, 8))
    floats, result = rng.normal(size=8).astype(np.float32), np.zeros((8, 8))
    compiled(values.ctypes.data, floats.ctypes.data, result.ctypes.data, 3)
    mixed = np.stack([first, second], axis=1).ravel()
    expected = [
        np.full(8, ((0.5 * 2 + first[0]) * 2 + first[1]) * 2 + first[2]),
        np.where(first < second, -first - second, 9.0),
        np.abs(first),
        floats,
        mixed[:8],
        mixed[8:],
        first[::-1],
        first.astype(np.float32),
    ]
    np.testing.assert_allclose(result, expected, rtol=1e-15)
