"""Signal quality against SciPy, hand arithmetic, and sounds with and without a known heartbeat."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.signal
import soundfile

from benchmarks.studies.signal_quality import SOUNDS
from skheart.audio import RecordingQuality, measure_quality, quality
from skheart.datasets import make_heart_sounds

RATE = 4000


def beats(rate, seconds=10, sr=RATE, noise=0.02):
    """Heart sounds of a metronome: S1 and a weaker S2 after a third of the cycle."""
    t = np.arange(int(seconds * sr)) / sr
    phase = t * rate / 60 % 1 * 60 / rate  # s since the last beat
    sound = np.exp(-(((phase - 0.05) / 0.02) ** 2)) * np.sin(2 * np.pi * 50 * phase)
    later = phase - 0.05 - 20 / rate
    sound += 0.6 * np.exp(-((later / 0.015) ** 2)) * np.sin(2 * np.pi * 70 * phase)
    return 0.5 * sound + noise * np.random.default_rng(0).normal(size=len(t))


# ------------------------------------------------------------------ the heartbeat


@pytest.mark.parametrize("rate", [40, 60, 75, 100, 140, 180])
def test_the_rate_of_a_metronome_is_found(rate):
    found = measure_quality(beats(rate), RATE)
    assert found.heartbeat
    assert found.heart_rate == pytest.approx(rate, rel=0.03)


@pytest.mark.parametrize("seconds", [5, 10])
def test_generated_heart_sounds_have_the_rate_of_their_annotation(seconds):
    sounds = make_heart_sounds(n_subjects=12, duration=seconds, random_state=0)
    found = quality(sounds.data, sr=RATE)
    assert found["heartbeat"].all()
    starts = [table.loc[table["state"] == "S1", "start"] for table in sounds.segmentation]
    true = np.array([60 / np.median(np.diff(start)) for start in starts])
    assert (np.abs(found["heart_rate"] / true - 1) < 0.1).mean() > 0.9


@pytest.mark.parametrize("seconds", [0.5, 10])
@pytest.mark.parametrize("kind", list(SOUNDS)[:7])
def test_other_sounds_have_no_heartbeat(kind, seconds):
    for seed in range(5):
        samples = SOUNDS[kind](np.random.default_rng(seed), int(seconds * RATE))
        found = measure_quality(samples, RATE)
        assert not found.heartbeat
        assert math.isnan(found.heart_rate)
        assert 0 <= found.periodicity < 0.2


def test_irregular_sounds_seldom_have_a_heartbeat():
    """Fewer than half of what is loud now and then, and few that last for half a minute."""
    for seconds, most in ((10, 0.4), (30, 0.15)):
        found = [
            measure_quality(SOUNDS[kind](np.random.default_rng(seed), seconds * RATE), RATE)
            for kind in list(SOUNDS)[7:]
            for seed in range(10)
        ]
        assert np.mean([of_one.heartbeat for of_one in found]) < most


def test_periodicity_agrees_with_filters_in_the_time_domain():
    """Butterworth octaves, Hilbert envelopes and a plain sum, instead of one Fourier transform."""
    for samples in (beats(80), make_heart_sounds(3, duration=10, random_state=0).data[0]):
        levels = []
        for low, high in ((25, 50), (50, 100), (100, 200)):
            sos = scipy.signal.butter(8, (low, high), "bandpass", fs=RATE, output="sos")
            envelope = np.abs(scipy.signal.hilbert(scipy.signal.sosfiltfilt(sos, samples)))
            power = (envelope**2).reshape(-1, RATE // 50).mean(axis=1)
            power = scipy.signal.lfilter(np.array([1, 4, 6, 4, 1]) / 16, 1, power)[4:]
            level = np.log(power + 0.05 * power.mean())
            levels.append(level - level.mean())
        levels = np.array(levels)
        slow = scipy.signal.firwin(401, 0.1, fs=50, window=("gaussian", 80))
        levels -= np.array([np.convolve(level, slow, "same") for level in levels])
        lags = range(14, 100)
        products = [(levels[:, lag:] * levels[:, :-lag]).sum() for lag in lags]
        expected = max(products) / ((levels**2).sum() + 0.04 * levels.size)
        assert measure_quality(samples, RATE).periodicity == pytest.approx(expected, abs=0.1)


def test_quality_does_not_depend_on_gain_polarity_offset_or_type():
    samples = 0.8 * beats(70)
    expected = measure_quality(samples, RATE)
    for other in (-samples, samples / 1000, samples + 0.1, np.float32(samples)):
        found = measure_quality(other, RATE)
        assert found.heart_rate == pytest.approx(expected.heart_rate, rel=1e-3)
        assert found.periodicity == pytest.approx(expected.periodicity, abs=1e-3)
        assert found.bandwidth == pytest.approx(expected.bandwidth, rel=1e-2)
    integers = measure_quality((samples * 2**15).astype(np.int16), RATE)
    assert integers.periodicity == pytest.approx(expected.periodicity, abs=1e-3)
    assert integers.level == pytest.approx(expected.level, abs=0.01)


def test_quality_does_not_depend_on_the_rate():
    samples = beats(70, sr=44100, noise=0)
    expected = measure_quality(samples, 44100)
    for rate in (22050, 8000, 4000, 1000, 500):
        other = scipy.signal.resample(samples, 10 * rate)
        found = measure_quality(other, rate)
        assert found.heart_rate == pytest.approx(expected.heart_rate, rel=1e-2)
        assert found.periodicity == pytest.approx(expected.periodicity, abs=0.03)
        assert found.duration == 10


def test_a_recording_shorter_than_2_s_has_no_heartbeat():
    assert measure_quality(beats(120, seconds=2.5), RATE).heartbeat
    assert not measure_quality(beats(120, seconds=1.9), RATE).heartbeat
    assert not measure_quality(np.ones(1), RATE).heartbeat


@pytest.mark.parametrize("rate", [100, 101, 399.5])
def test_low_rates_have_fewer_octaves(rate):
    found = measure_quality(np.random.default_rng(0).normal(size=1500), rate)
    assert not found.heartbeat
    assert found.bandwidth == pytest.approx(0.99 * rate / 2, rel=0.05)


# ------------------------------------------------------------------ the other measures


def test_level_of_a_sine_is_3_db_below_its_amplitude():
    sine = np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)
    for amplitude in (1.0, 0.5, 1e-3):
        expected = 20 * np.log10(amplitude) - 20 * np.log10(np.sqrt(2))
        found = measure_quality(amplitude * sine + 0.3, RATE).level
        assert found == pytest.approx(expected, abs=1e-2)
    assert measure_quality(np.zeros(100), RATE).level == -math.inf
    assert measure_quality(np.full(100, 0.3), RATE).level == -math.inf


def test_clipped_samples_are_those_in_runs_at_the_extremes():
    samples = np.array([0, 3, 3, 3, 1, -3, -3, 3, 2, 2, 2, 2, -3, -3, -3, -3, 0, 1, 0, 1]) / 3
    for values in (samples, (samples * 3).astype(np.int16), (samples * 3 + 100).astype(np.uint8)):
        assert measure_quality(values, 100).clipped == 7 / 20
    assert measure_quality(np.zeros(9), 100).clipped == 0
    sine = np.sin(2 * np.pi * 30 * np.arange(4 * RATE) / RATE + 0.1)
    expected = np.mean(np.abs(sine) >= 0.5)
    assert measure_quality(np.clip(sine, -0.5, 0.5), RATE).clipped == pytest.approx(
        expected, abs=0.01
    )
    assert measure_quality(sine, RATE).clipped == 0


def test_flat_samples_are_those_in_runs_of_20_ms():
    samples = np.random.default_rng(0).normal(size=1000)
    samples[100:180] = 0.0  # 80 samples are 20 ms at 4 kHz
    samples[300:379] = 0.5
    samples[900:] = 0.0
    assert measure_quality(samples, RATE).flat == 0.18
    assert measure_quality(np.zeros(100), RATE).flat == 1


def test_bandwidth_is_that_of_the_spectrum_of_scipy():
    rng = np.random.default_rng(0)
    for low, high in ((50, 150), (300, 1500)):
        sos = scipy.signal.butter(4, (low, high), "bandpass", fs=RATE, output="sos")
        samples = scipy.signal.sosfilt(sos, rng.normal(size=20 * RATE))
        hertz, power = scipy.signal.periodogram(samples, RATE)
        below = np.cumsum(power) / power.sum()
        first, last = np.searchsorted(below, (0.005, 0.995))
        expected = hertz[last] - hertz[first]
        assert measure_quality(samples, RATE).bandwidth == pytest.approx(expected, rel=0.02)
    assert measure_quality(np.zeros(RATE), RATE).bandwidth == 0


# ------------------------------------------------------------------ tables


def test_files_pairs_and_arrays_give_one_table(tmp_path):
    sounds = [beats(60, sr=2000), beats(90), np.zeros(RATE)]
    rates = [2000, RATE, RATE]
    paths = [tmp_path / f"{i}.wav" for i in range(3)]
    for path, samples, rate in zip(paths, sounds, rates, strict=True):
        soundfile.write(path, samples, rate, subtype="FLOAT")
    files = quality(paths)
    assert files["path"].tolist() == [str(path) for path in paths]
    pairs = quality(list(zip(sounds, rates, strict=True)))
    assert list(pairs) == list(RecordingQuality._fields)
    pd.testing.assert_frame_equal(files.drop(columns="path"), pairs, rtol=1e-3)
    pd.testing.assert_frame_equal(quality(sounds[1:], sr=RATE), pairs[1:].reset_index(drop=True))
    assert pairs["heartbeat"].tolist() == [True, True, False]
    assert pairs["heartbeat"].dtype == bool
    stacked = quality(np.array(sounds[1:2]), sr=RATE)
    assert tuple(stacked.loc[0]) == measure_quality(sounds[1], RATE)


def test_what_cannot_be_measured_is_named(tmp_path):
    with pytest.raises(ValueError, match="sr must be .* Got None, and the recording at row 0"):
        quality([beats(60)])
    with pytest.raises(ValueError, match="recording at row 1 contains NaN"):
        quality([beats(60), np.full(RATE, np.nan)], sr=RATE)
    with pytest.raises(ValueError, match="rate of 1 Hz"):
        measure_quality(beats(60), 1)
    with pytest.raises(TypeError, match="rate must be the sampling rate in Hz. Got 'x'"):
        measure_quality(beats(60), "x")
    with pytest.raises(FileNotFoundError, match=r"a\.wav"):
        quality([tmp_path / "a.wav"])


def test_the_measures_need_neither_pandas_nor_scikit_learn():
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['pandas', 'sklearn', 'torch', 'scipy.signal']))\n"
        "import numpy as np\n"
        "from skheart.audio import measure_quality\n"
        "print(measure_quality(np.random.default_rng(0).normal(0, 0.1, 40000), 4000).heartbeat)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")
