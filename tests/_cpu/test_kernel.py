"""The compiled spectrogram against numpy's FFT in float64, and what it leaves to others."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import scipy.fft
import scipy.sparse
import soxr

from skheart import LogMelTransformer
from skheart._cpu import kernel as _kernel
from skheart._cpu import lanes as _lanes
from skheart.features import make_plan
from skheart.features._logmel import LogMel, Moments

DEFAULTS = LogMelTransformer().get_params()


def mel_plan(**params):
    return make_plan({**DEFAULTS, "duration": 1.0, **params})


def plan_of(n_mels, **params):
    """A plan with random filters of all widths instead of mel filters."""
    plan = mel_plan(n_mels=1, **params)
    rng = np.random.default_rng(n_mels)
    n_bins = 1 + len(plan.window) // 2
    filters = np.zeros((n_mels, n_bins))
    for row in filters:
        first, last = np.sort(rng.integers(n_bins, size=2))
        row[first : last + 1] = rng.uniform(0.01, 1, size=last + 1 - first)
    filters = scipy.sparse.csr_array(filters)
    return plan._replace(filters=filters, frequencies=np.arange(float(n_mels)))


def reference(samples, plan):
    """The features in float64, by numpy alone."""
    samples = np.asarray(samples, dtype=np.float64)
    starts = plan.hop_length * np.arange(plan.n_frames)
    frames = samples[starts[:, None] + np.arange(len(plan.window))] * plan.window
    energy = np.abs(np.fft.rfft(frames, axis=1)) ** plan.power
    return np.log(energy @ plan.filters.toarray().T + plan.log_floor)


def computed(samples, plan, mean=None, scale=None):
    out = np.full((plan.n_frames, len(plan.frequencies)), np.nan, dtype=np.float32)
    spectrogram = _kernel.Spectrogram(plan, mean, scale)
    assert spectrogram([samples], out[None])
    return out, Moments(*spectrogram.moments())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize(
    ("n_fft", "hop_length", "win_length", "n_mels"),
    [
        (16, 8, None, 8),
        (32, 5, 20, 9),
        (64, 64, None, 23),
        (128, 200, 100, 16),
        (256, 128, None, 64),
        (512, 77, 400, 31),
        (1024, 512, None, 128),
        (2048, 333, 1999, 40),
    ],
)
def test_equal_to_numpy_in_float64(n_fft, hop_length, win_length, n_mels, power, dtype):
    plan = plan_of(n_mels, n_fft=n_fft, hop_length=hop_length, win_length=win_length, power=power)
    samples = np.random.default_rng(n_fft).normal(size=4000).astype(dtype)
    out, moments = computed(samples, plan)
    expected = reference(samples, plan)
    np.testing.assert_allclose(out, expected, atol=5e-6, rtol=0)
    precise = out.astype(np.float64)
    assert moments.count == plan.n_frames
    np.testing.assert_allclose(moments.mean, precise.mean(axis=0), rtol=1e-12)
    deviations = ((precise - precise.mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(moments.squares, deviations, rtol=1e-11, atol=1e-18)


def test_quiet_bands_beside_loud_ones():
    """An empty upper band, as resampling leaves it; a transform in float32 fails there."""
    plan = mel_plan(duration=4.0, window="blackmanharris")
    rng = np.random.default_rng(0)
    half = np.sin(2 * np.pi * 60 * np.arange(8000) / 2000) + 1e-3 * rng.normal(size=8000)
    samples = soxr.resample(half, 2000, 4000, quality="VHQ").astype(np.float64)
    expected = reference(samples, plan)
    assert expected.max() - expected.min() > 14
    out, _ = computed(samples, plan)
    np.testing.assert_allclose(out, expected, atol=5e-6, rtol=0)
    starts = 128 * np.arange(plan.n_frames)
    frames = samples[starts[:, None] + np.arange(256)] * plan.window
    magnitudes = np.abs(scipy.fft.rfft(frames.astype(np.float32), axis=1))
    narrow = np.log(magnitudes @ plan.filters.toarray().T + 1e-8)
    assert np.abs(narrow - expected).max() > 1e-4


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-20, 1e-12, 1e-6, 1e3, 1e9, 1e15])
@pytest.mark.parametrize("log_floor", [1e-16, 1e-8, 1.0])
def test_all_scales(scale, log_floor):
    plan = plan_of(log_floor=log_floor, n_mels=16)
    samples = scale * np.random.default_rng(0).normal(size=4000)
    out, _ = computed(samples, plan)
    np.testing.assert_allclose(out, reference(samples, plan), atol=5e-6, rtol=0)


@pytest.mark.parametrize(
    ("params", "scale"),
    [
        ({}, 1e25),  # beyond float32
        ({"power": 2}, 1e100),
        ({"log_floor": 1e-60}, 1e-40),
        ({"log_floor": 1e-300}, 0.0),
        ({"power": 0.5}, 1.0),
        ({"n_mels": 5}, 1.0),
        ({"n_fft": 8, "n_mels": 2}, 1.0),
        ({"n_fft": 300}, 1.0),
    ],
)
def test_what_the_kernel_leaves_to_numpy(params, scale):
    params = {"n_mels": 20, **params}
    plan = mel_plan(**params)
    samples = scale * np.random.default_rng(0).normal(size=4000)
    out = np.empty((plan.n_frames, len(plan.frequencies)), dtype=np.float32)
    moments = LogMel(plan)([samples], out[None])
    np.testing.assert_allclose(out, reference(samples, plan), rtol=1e-6)
    np.testing.assert_allclose(moments.mean, out.mean(axis=0, dtype=np.float64), rtol=1e-12)
    # Standardised at once, and afterwards by fit_transform: the same bits.
    transformer = LogMelTransformer(duration=1.0, **params)
    both = [samples, 3 * samples + scale * 1e-3]
    together = transformer.fit_transform(both)
    np.testing.assert_array_equal(transformer.transform(both), together)


def test_standardised_features_are_those_of_fit_transform():
    rng = np.random.default_rng(0)
    recordings = [rng.normal(size=2000) * 10.0**k for k in range(-4, 4)]
    for params in ({}, {"n_fft": 512, "power": 2, "n_mels": 33}, {"hop_length": 300}):
        transformer = LogMelTransformer(duration=0.5, **params)
        together = transformer.fit_transform(recordings)
        np.testing.assert_array_equal(transformer.transform(recordings), together)


def test_recordings_that_are_computed_together():
    """Neither their number, nor their types, nor one that is left to numpy changes the others."""
    rng = np.random.default_rng(0)
    plan = plan_of(16)
    recordings = [rng.normal(size=4000) for _ in range(5)]
    recordings[1], recordings[3] = recordings[1].astype(np.float32), 1e30 * recordings[3]
    out = np.empty((5, plan.n_frames, 16), dtype=np.float32)
    moments = LogMel(plan)(recordings, out)
    alone = np.empty_like(out)
    parts = [LogMel(plan)([r], a[None]) for r, a in zip(recordings, alone, strict=True)]
    np.testing.assert_array_equal(out, alone)
    some = LogMel(plan)(recordings[:3], out[:3])
    np.testing.assert_array_equal(out, alone)
    for total, of, rows in ((moments, parts, out), (some, parts[:3], out[:3])):
        rows = rows.reshape(-1, 16).astype(np.float64)
        assert total.count == len(rows)
        np.testing.assert_allclose(total.mean, rows.mean(axis=0), rtol=1e-12)
        squares = ((rows - rows.mean(axis=0)) ** 2).sum(axis=0)
        np.testing.assert_allclose(total.squares, squares, rtol=1e-10)
        np.testing.assert_allclose(Moments.together(of).squares, squares, rtol=1e-10)


def test_parameters_of_numpys_types():
    params = {
        "sr": np.int64(4000), "duration": np.float32(0.5), "n_fft": np.int64(256),
        "hop_length": np.int32(100), "n_mels": np.int16(20), "power": np.float64(2),
        "log_floor": np.float32(2**-20), "fmin": np.float32(20),
    }  # fmt: skip
    recordings = np.random.default_rng(0).normal(size=(3, 2000))
    plain = {name: value.item() for name, value in params.items()}
    np.testing.assert_array_equal(
        LogMelTransformer(**params).fit_transform(recordings),
        LogMelTransformer(**plain).fit_transform(recordings),
    )


def test_samples_in_any_layout():
    plan = plan_of(n_mels=16)
    samples = np.random.default_rng(0).normal(size=4000)
    expected, _ = computed(samples, plan)
    strided = np.repeat(samples, 2)[::2]
    reverse = samples[::-1].copy()[::-1]
    locked = samples.copy()
    locked.flags.writeable = False
    shifted = np.frombuffer(b"\0" + samples.tobytes(), dtype=np.uint8)[1:].view(np.float64)
    assert not shifted.flags.aligned
    for form in (strided, reverse, locked, shifted):
        np.testing.assert_array_equal(computed(form, plan)[0], expected)


def test_what_does_not_fit_is_refused():
    plan = plan_of(n_mels=16)
    out = np.empty((plan.n_frames, 16), dtype=np.float32)
    spectrogram = _kernel.Spectrogram(plan, None, None)
    good = np.zeros(4000)
    for recordings, target in (
        ([good[1:]], out[None]),
        ([good[None]], out[None]),
        ([good], out),
        ([good], out[None, 1:]),
        ([good, good], out[None]),
        ([good], np.stack([out, out])),
        ([], out[None][:0]),
        ([good, good[1:]], np.stack([out, out])),
        ([good], np.empty((1, 16, plan.n_frames), dtype=np.float32).transpose(0, 2, 1)),
        ([good], out[None].astype(np.float64)),
    ):
        with pytest.raises(ValueError, match="are not of one size"):
            spectrogram(recordings, target)
    with pytest.raises(ValueError, match="broadcast"):
        _kernel.Spectrogram(plan, np.zeros(15), np.ones(16))


def test_nothing_beyond_the_output_is_written():
    plan = plan_of(n_mels=19, n_fft=64, hop_length=61)
    room = np.full((plan.n_frames + 2, 19), -7, dtype=np.float32)
    assert plan.n_frames % _lanes.LANES
    spectrogram = _kernel.Spectrogram(plan, None, None)
    assert spectrogram([np.random.default_rng(0).normal(size=4000)], room[None, 1:-1])
    assert (room[[0, -1]] == -7).all()
    assert (room[1:-1] != -7).all()


def test_not_finite_is_noticed_wherever_it_stands():
    plan = mel_plan(n_mels=32)
    out = np.empty((plan.n_frames, 32), dtype=np.float32)
    spectrogram = _kernel.Spectrogram(plan, None, None)
    seen = (plan.n_frames - 1) * plan.hop_length + 256
    for value in (np.nan, np.inf, -np.inf, 1e30):
        for place in (0, 1, 255, 1000, seen - 1):
            samples = np.zeros(4000)
            samples[place] = value
            assert not spectrogram([samples], out[None])
    assert spectrogram([np.zeros(4000)], out[None])


def test_threads_that_start_together_compile_once():
    _kernel._compile.cache_clear()
    barrier, plan = threading.Barrier(4), plan_of(n_mels=8, n_fft=32)
    results = []

    def work():
        barrier.wait()
        results.append(computed(np.ones(4000), plan)[0])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _kernel._compile.cache_info().misses == 1
    assert len(results) == 4
    for result in results:
        np.testing.assert_array_equal(result, results[0])


def test_steps_in_lanes():
    """Each step that the kernel is written in, against numpy."""
    function = _lanes.Function({"x": "f8*", "narrow": "f4*", "out": "f8*", "count": "i8"})
    a = function.arguments
    x, narrow, out = a["x"].rows(), a["narrow"].rows(), a["out"].rows()
    start = function.number(0.5).spread()
    with function.loop(0, a["count"], carry=start) as (index, carried):
        carried.append(carried[0] * 2.0 + a["x"][index])
    out[0] = carried[-1]
    out[1] = (-x[0] - x[1]).where(x[0] < x[1], 9.0)
    out[2] = (x[0] * x[0]).sqrt()
    bits = narrow[0].bits("i4")
    out[3] = (((bits >> 23) << 23) + 1).to("f4").to("f8")
    out[4], out[5] = x[0].interleave(x[1])
    out[6] = function.gather([a["x"][7 - k] for k in range(_lanes.LANES)])
    out[7] = x[0].to("f4").to("f8") * x[1].lane(2)
    compiled = function.compile()
    rng = np.random.default_rng(0)
    first, second = values = rng.normal(size=(2, 8))
    floats, result = rng.normal(size=8).astype(np.float32), np.zeros((8, 8))
    compiled(values.ctypes.data, floats.ctypes.data, result.ctypes.data, 3)
    carried = ((0.5 * 2 + first[0]) * 2 + first[1]) * 2 + first[2]
    masked = (floats.view(np.int32) & ~(2**23 - 1)) + 1
    unsigned = floats.view(np.uint32) >> 23 << 23
    np.testing.assert_array_equal(masked.astype(np.uint32), unsigned + 1)
    mixed = np.stack([first, second], axis=1).ravel()
    expected = [
        np.full(8, carried),
        np.where(first < second, -first - second, 9.0),
        np.abs(first),
        masked.astype(np.float32),
        mixed[:8],
        mixed[8:],
        first[::-1],
        first.astype(np.float32) * second[2],
    ]
    np.testing.assert_allclose(result, expected, rtol=1e-15)
