"""Claim: a folder of WAV files becomes features 3 times as fast as with librosa.

    python -m benchmarks.claims.folder [--small]

Recordings of 30 s in 16 bits, once at 4 kHz, as they are needed, and once at 2 kHz, from which
they are resampled: `LogMelTransformer().transform(paths)`, which reads in a second thread, against
`librosa.load` and `librosa.feature.melspectrogram` for one file after another. All else has one
thread. The files are in the cache of the system.

The mel spectrogram is the compiled one, as for a day of sound: at least 1.25 times as fast as the
same call with SciPy at 4 kHz. That reading overlaps computing is claimed as well: reading all
files and computing the features of what was read, one after the other, takes at least 1.1 times
as long as `transform` does both.
"""

from __future__ import annotations

import os
import statistics
import tempfile

import numpy as np

from benchmarks import _measure
from benchmarks._measure import Row, in_turns, ratio
from benchmarks.claims.front_end import (
    DURATION,
    FLOOR,
    FMIN,
    HOP,
    N_FFT,
    N_MELS,
    SR,
    compiled,
)


def written(folder, number, sr):
    """Paths of files of noise, 16 bits at a rate."""
    import soundfile

    rng = np.random.default_rng(sr)
    paths = [os.path.join(folder, f"{sr}-{k:04}.wav") for k in range(number)]
    for path in paths:
        soundfile.write(path, rng.normal(0, 0.1, DURATION * sr), sr, subtype="PCM_16")
    return paths


def by_librosa(paths):
    import librosa

    features = []
    for path in paths:
        samples, _ = librosa.load(path, sr=SR)
        mel = librosa.feature.melspectrogram(
            y=samples, sr=SR, n_fft=N_FFT, hop_length=HOP, window="hamming", center=False,
            power=1, n_mels=N_MELS, fmin=FMIN,
        )  # fmt: skip
        features.append(np.log(mel + FLOOR))
    return features


def run(small=False):
    """Measure all claims; returns a list of Row."""
    from threadpoolctl import threadpool_limits

    from skheart import LogMelTransformer
    from skheart.audio import read_recording

    number, rounds, rows = 40 if small else 150, 5 if small else 9, []
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        for sr in (SR, SR // 2):
            paths = written(folder, number, sr)
            transformer = LogMelTransformer().fit(paths)

            def apart(paths=paths, transformer=transformer):
                transformer.transform([read_recording(path, SR)[0] for path in paths])

            def transform(paths=paths, transformer=transformer):
                transformer.transform(paths)

            cases = {
                "ours": compiled(transform),
                "SciPy": transform,
                "apart": compiled(apart),
                "librosa": lambda paths=paths: by_librosa(paths),
            }
            times = in_turns(cases, rounds=rounds)
            rate = {name: number / statistics.median(taken) for name, taken in times.items()}
            ours, claim = rate.pop("ours"), f"folder of WAV at {sr} Hz"
            value = ratio(times, "librosa", "ours")
            rows.append(Row(claim, "recordings/s", ours, rate, value, 3.0))
            if sr == SR:  # elsewhere most of the time is for resampling
                peer, value = {"SciPy": rate["SciPy"]}, ratio(times, "SciPy", "ours")
                rows.append(Row(f"{claim}, SciPy", "recordings/s", ours, peer, value, 1.25))
            peer, value = {"one after the other": rate["apart"]}, ratio(times, "apart", "ours")
            rows.append(Row(f"{claim}, overlap", "recordings/s", ours, peer, value, 1.1))
    return rows


if __name__ == "__main__":
    _measure.main(run)
