"""Claim: on one thread, features are computed at 4 times the speed of librosa.

    python -m benchmarks.claims.front_end [--small]

Recordings of 30 s at 4 kHz, float32, with the default settings, as users call LogMelTransformer:
`transform` and `fit_transform` (which learns the mean and standard deviation, and librosa does
not) of a list of arrays, new output each time, with the compiled mel spectrogram, as for hours of
sound. librosa takes one recording at a time with the same settings and the logarithm. Against the
best plain form, SciPy's FFT in float64, the compiled one is at least 1.25 times as fast.
Everything has one thread, and two threads (``n_jobs=2``) give at least 1.6 times as much.

Above its output, a call holds at most 10 MiB whatever the number of recordings, after a first call.
Every feature is within 1e-4 of float64 in both forms, for sounds that fill the band, and for such
as leave half of it empty. The first call in a process that has imported skheart and nothing else
of its own, which compiles nothing, takes under 1 s.
"""

from __future__ import annotations

import statistics

import numpy as np

from benchmarks import _measure
from benchmarks._measure import MIB, Row, fresh, in_turns, ratio

SR, DURATION, N_FFT, HOP, N_MELS, FMIN, FLOOR = 4000, 30, 256, 128, 64, 20, 1e-8

FIRST_CALL = """
import time
import numpy as np
from skheart import LogMelTransformer
recordings = np.random.default_rng(0).normal(size=(2, 120000)).astype(np.float32)
start = time.perf_counter()
LogMelTransformer().fit_transform(recordings)
print(time.perf_counter() - start)
"""

# Recordings of which those measured are taken to be a part: a day of sound and more.
MANY = 10_000

MEMORY = """
import sys
import numpy as np
from benchmarks._measure import peak_mib, reset_peak
from skheart import LogMelTransformer
from skheart._cpu.work import expecting
n_jobs, number, method = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
sounds = np.random.default_rng(0).normal(size=(16, 120000)).astype(np.float32)
transformer = LogMelTransformer(n_jobs=n_jobs)
with expecting(10_000):
    transformer.fit_transform(sounds)
recordings = [sounds[k % 16] for k in range(number)]
reset_peak()
before = peak_mib()
with expecting(10_000):
    features = getattr(transformer, method)(recordings)
print(peak_mib() - before - features.nbytes / 2**20)
"""


def sounds(number):
    """Noise, noise with half of the band empty, and a loud tone above almost nothing."""
    import soxr

    rng = np.random.default_rng(0)
    made = []
    for k in range(number):
        noise = rng.normal(0, 0.1, SR * DURATION // 2)
        if k % 3:
            noise = 0.5 * np.sin(2 * np.pi * (50 + k) * np.arange(noise.size) * 2 / SR)
            noise += 10.0 ** -(k % 7) * rng.normal(0, 0.1, noise.size)
        full = soxr.resample(noise, SR // 2, SR, quality="VHQ")
        made.append((full if k % 3 else rng.normal(0, 0.1, SR * DURATION)).astype(np.float32))
    return made


def by_librosa(samples):
    import librosa

    mel = librosa.feature.melspectrogram(
        y=samples, sr=SR, n_fft=N_FFT, hop_length=HOP, window="hamming", center=False, power=1,
        n_mels=N_MELS, fmin=FMIN,
    )  # fmt: skip
    return np.log(mel + FLOOR).T


def in_float64(samples):
    """The features by scipy, in float64 from the samples to the logarithm."""
    import librosa.filters
    import scipy.fft
    import scipy.signal

    window = scipy.signal.get_window("hamming", N_FFT)
    filters = librosa.filters.mel(sr=SR, n_fft=N_FFT, n_mels=N_MELS, fmin=FMIN, dtype=np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), N_FFT)[::HOP]
    return np.log(np.abs(scipy.fft.rfft(frames * window, axis=1)) @ filters.T + FLOOR)


def compiled(function):
    """The same call with the compiled mel spectrogram."""
    from skheart._cpu.work import expecting

    def call():
        with expecting(MANY):
            return function()

    return call


def speed(small):
    """Rows of recordings per second."""
    from threadpoolctl import threadpool_limits

    from skheart import LogMelTransformer

    made = sounds(24)
    many = made * 25  # with fewer, starting threads counts
    one, two = LogMelTransformer().fit(made), LogMelTransformer(n_jobs=2).fit(made)
    few = len(made)
    calls = {
        "transform": lambda: one.transform(made),
        "fit_transform": lambda: LogMelTransformer().fit_transform(made),
    }
    cases = {name: compiled(call) for name, call in calls.items()}
    cases |= {f"{name}, SciPy": call for name, call in calls.items()}
    cases["librosa"] = lambda: [by_librosa(samples) for samples in made]
    rounds = 9 if small else 15
    with threadpool_limits(1):
        times = in_turns(cases, rounds=rounds)
        shared = {"one": lambda: one.transform(many), "two": lambda: two.transform(many)}
        shared = in_turns({name: compiled(call) for name, call in shared.items()}, rounds=rounds)
    rate = {name: few / statistics.median(taken) for name, taken in times.items()}
    rows = []
    for ours, bar in (("transform", 4.0), ("fit_transform", 4.0)):
        for peer, needed in (("librosa", bar), (f"{ours}, SciPy", 1.25)):
            peers, value = {peer: rate[peer]}, ratio(times, peer, ours)
            claim = f"{ours} / {peer.rpartition(', ')[2]}"
            rows.append(Row(claim, "recordings/s", rate[ours], peers, value, needed))
    rate = {name: len(many) / statistics.median(taken) for name, taken in shared.items()}
    value = ratio(shared, "one", "two")
    peer = {"one thread": rate["one"]}
    return [*rows, Row("transform, two threads", "recordings/s", rate["two"], peer, value, 1.6)]


def run(small=False):
    """Measure all claims; returns a list of Row."""
    from skheart import LogMelTransformer

    rows = speed(small)
    made = sounds(24)
    theirs = max(float(np.abs(by_librosa(s) - in_float64(s)).max()) for s in made)
    plain = LogMelTransformer(standardize=False)
    for name, features in {
        "compiled": compiled(lambda: plain.fit_transform(made))(),
        "SciPy": plain.fit_transform(made),
    }.items():
        error = max(
            float(np.abs(ours - in_float64(samples)).max())
            for ours, samples in zip(features, made, strict=True)
        )
        claim, peers = f"error of a feature, {name}", {"librosa": theirs}
        rows.append(Row(claim, "nepers", error, peers, error, 1e-4, at_most=True))
    number = 200 if small else 800
    for n_jobs in (1, 2):
        above = max(
            fresh(MEMORY, n_jobs, number, method, threads=1)[0]
            for method in ("transform", "fit_transform")
        )
        output = {"output": number * 936 * N_MELS * 4 / MIB}
        claim = f"memory above the output, {n_jobs} thread{'s'[: n_jobs - 1]}"
        rows.append(Row(claim, "MiB", above, output, above, 10.0, at_most=True))
    first = statistics.median(fresh(FIRST_CALL)[0] for _ in range(3))
    rows.append(Row("first call", "s", first, {}, first, 1.0, at_most=True))
    return rows


if __name__ == "__main__":
    _measure.main(run)
