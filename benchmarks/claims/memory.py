"""Claim: the features are held once, or not at all where they lie on disk.

    python -m benchmarks.claims.memory [--small]

1. Oversampling, checks, split, cast and batches of a fit take at most a tenth of the size of the
   features in memory above them (beyond what a fit on a few recordings takes: the net and torch);
   what they take is about a batch, whatever the number of recordings. The peer is
   imbalanced-learn's own sampler before the same classifier, on the same rows.
2. A fit on a memory map of 8 GB of float16 features stays under 3 GB of resident memory, the
   interpreter and torch included; with ``--small``, 1 GB under 0.9 GB.
3. `LogMelTransformer` streams from paths: at most 10 MiB above its output, however many files.

Resident memory is the peak that Linux reports (VmHWM) of a fresh process for each figure. The net
is an LSTM of 4 units, so that its own memory does not hide the rest; one epoch is trained. Features
are random numbers, made block by block, in the default shape of 936 frames x 64 mel bins.
"""

import os
import tempfile

import numpy as np

from benchmarks._measure import MIB, Row, fresh, main

SHAPE = (936, 64)
CLASSIFIER = """
from skheart import AttentionRNNClassifier
clf = AttentionRNNClassifier(units=(4,), max_epochs=1, random_state=0)
"""
OVERSAMPLED = """
import sys
import numpy as np
from benchmarks._measure import peak_mib, reset_peak
from skheart import RandomOverSampler
from imblearn.over_sampling import RandomOverSampler as Stock

def ours(X, y):
    clf.fit(*RandomOverSampler(random_state=0, copy=False).fit_resample(X, y))

def stock(X, y):
    flat, y = Stock(random_state=0).fit_resample(X.reshape(len(X), -1), y)
    clf.fit(flat.reshape(-1, *X.shape[1:]), y)

def peak(fit, n):
    y = np.searchsorted([0.7, 0.9], np.arange(n) / n, side="right")
    reset_peak()
    before = peak_mib()  # what is resident now
    fit(X[:n], y)
    return peak_mib() - before

fit = {"ours": ours, "stock": stock}[sys.argv[1]]
n = int(sys.argv[2])
X = np.random.default_rng(0).random((n, 936, 64), dtype=np.float32)
few = [peak(fit, 64) for _ in range(3)]
print(max(0, peak(fit, n) - few[-1]), X.nbytes / 2**20)
"""
FROM_DISK = """
import sys
import time
import numpy as np
from benchmarks._measure import peak_mib
X = np.load(sys.argv[1], mmap_mode="r")
y = np.arange(len(X)) % 10 == 0
start = time.perf_counter()
clf.fit(X, y)
print(peak_mib(), time.perf_counter() - start)
"""
STREAMED = """
import sys
from pathlib import Path
from benchmarks._measure import peak_mib, reset_peak
from skheart import LogMelTransformer
paths = sorted(Path(sys.argv[1]).iterdir())[: int(sys.argv[2])]
logmel = LogMelTransformer()
logmel.fit_transform(paths[:20])
reset_peak()
before = peak_mib()  # what is resident now
features = logmel.fit_transform(paths)
print(peak_mib() - before - features.nbytes / 2**20)
"""


def write_features(path, n_bytes):
    """Write a .npy file of random float16 features; returns its size."""
    n = int(n_bytes / (2 * SHAPE[0] * SHAPE[1]))
    header = np.lib.format.open_memmap(path, "w+", np.float16, (n, *SHAPE))
    offset = header.offset
    del header
    rng = np.random.default_rng(0)
    with open(path, "r+b") as file:
        file.seek(offset)
        for start in range(0, n, 256):
            size = (min(256, n - start), *SHAPE)
            bits = rng.integers(0, 2**16, size=size, dtype=np.uint16)
            file.write(((bits & 0x83FF) | 0x3C00).data)  # numbers from 1 to 2, and from -1 to -2
    return os.path.getsize(path)


def oversampled(small):
    n = 400 if small else 2000
    ours, size = fresh(CLASSIFIER + OVERSAMPLED, "ours", n)
    stock, _ = fresh(CLASSIFIER + OVERSAMPLED, "stock", n)
    peers = {"imbalanced-learn's sampler": stock}
    claim = f"memory above {size:.0f} MiB of features, oversampling and fit"
    return Row(claim, "MiB", ours, peers, ours / size, 0.1, at_most=True)


def from_disk(small):
    wanted, bar = (1e9, 0.9) if small else (8e9, 3.0)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "features.npy")
        size = write_features(path, wanted)
        peak, seconds = fresh(CLASSIFIER + FROM_DISK, path)
    peak *= MIB / 1e9
    claim = f"resident memory of a fit on a map of {size / 1e9:.0f} GB ({seconds:.0f} s an epoch)"
    return Row(claim, "GB", peak, {"the features": size / 1e9}, peak, bar, at_most=True)


def streamed(small):
    import soundfile

    many = 100 if small else 800
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(0)
        for number in range(many):
            path = os.path.join(folder, f"{number:04}.wav")
            soundfile.write(path, rng.uniform(-0.5, 0.5, 120_000), 4000)
        few = fresh(STREAMED, folder, many // 4)[0]
        most = fresh(STREAMED, folder, many)[0]
    claim = f"memory above the output, features of {many} files"
    return Row(claim, "MiB", most, {f"{many // 4} files": few}, most, 10, at_most=True)


def run(small=False):
    return [oversampled(small), from_disk(small), streamed(small)]


if __name__ == "__main__":
    main(run)
