"""Claim: an epoch of the default nets trains several times as fast as plain skorch, in less memory.

    python -m benchmarks.claims.training [--small]

On the CPU, against a skorch net of the same architecture in float32 (`benchmarks/_plain.py`).
With ``precision="auto"``, where the processor has bfloat16: the CNN at least 5 times as fast, the
LSTM 1.5 times, the GRU 2.5 times. With ``precision="float32"`` the CNN at least 2.5 times. The
CNN's peak of memory is at most that of the plain net. At the paper's size, 936 frames in batches
of 32. Each net trains in a fresh process, in turns; the fastest epoch after the first counts (the
first compiles). The limit is the time of the CNN's convolutions alone. With --small an epoch is
one batch, each net trains once, and the recurrent nets read 312 frames.
"""

from __future__ import annotations

import statistics

from benchmarks._measure import Row, fresh, main

BARS = {"cnn": 5.0, "lstm": 1.5, "gru": 2.5}
FLOAT32_BAR = 2.5

EPOCHS = """
import sys
from benchmarks._measure import peak_mib
from benchmarks.claims._plain import plain_skorch, spectrograms
model, precision, n, n_frames, epochs = sys.argv[1:3] + [int(v) for v in sys.argv[3:]]
X, y = spectrograms(n, n_frames)
if precision == "plain":
    history = plain_skorch(model, max_epochs=epochs).fit(X, y).history
else:
    from skheart import AttentionCNNClassifier, AttentionRNNClassifier
    settings = {"max_epochs": epochs, "precision": precision, "random_state": 0}
    if model == "cnn":
        clf = AttentionCNNClassifier(**settings)
    else:
        clf = AttentionRNNClassifier(cell=model, **settings)
    history = clf.fit(X, y).history_
print(min(history[1:, "dur"]), peak_mib())
"""

LIMIT = """
import sys, time
import torch
from torch.nn import functional
from skheart._bfloat16 import in_hardware
from skheart._chunks import chunk_slices, in_chunks, worker_threads
n, n_frames, reduced = [int(v) for v in sys.argv[1:]]
dtype = torch.bfloat16 if reduced and in_hardware() else torch.float32
n_threads = torch.get_num_threads()
torch.set_num_threads(1)
sizes = [(1, 64, 1), (64, 128, 2), (128, 256, 4), (256, 256, 8)]
total = 0.0
with worker_threads(n_threads):
    for n_in, n_out, step in sizes:
        last = {"memory_format": torch.channels_last}
        x = torch.randn(n, n_in, n_frames // step, 64 // step).to(dtype, **last)
        w = torch.randn(n_out, n_in, 3, 3).to(dtype, **last)
        grad = torch.randn(n, n_out, n_frames // step, 64 // step).to(dtype, **last)
        def work(rows):
            functional.conv2d(x[rows], w, padding=1)
            torch.ops.aten.convolution_backward(grad[rows], x[rows], w, None, [1, 1], [1, 1],
                [1, 1], False, [0, 0], 1, [n_in > 1, True, False])
        times = []
        for _ in range(4):
            start = time.perf_counter()
            in_chunks(work, chunk_slices(n, grad[0].nbytes))
            times.append(time.perf_counter() - start)
        total += min(times[1:])
print(total)
"""


def compare(model, precisions, n, n_frames, rounds):
    """Median epoch in seconds, and peak in MiB, of plain skorch and of each precision."""
    found = {name: [] for name in ("plain", *precisions)}
    for _ in range(rounds):
        for name, values in found.items():
            epochs = 2 if name == "plain" else 3
            values.append(fresh(EPOCHS, model, name, n, n_frames, epochs))
    seconds = {name: statistics.median(v[0] for v in values) for name, values in found.items()}
    peaks = {name: max(v[1] for v in values) for name, values in found.items()}
    return seconds, peaks


def run(small=False):
    """The rows of the table."""
    from skheart._cpu.bfloat16 import in_hardware

    rows = []
    n = 32 if small else 96
    for model, bar in BARS.items():
        n_frames = 312 if small and model != "cnn" else 936
        precisions = ["auto", "float32"] if model == "cnn" else ["auto"]
        seconds, peaks = compare(model, precisions, n, n_frames, rounds=1 if small else 3)
        plain = n / seconds["plain"]
        for precision in precisions:
            reduced = precision == "auto" and in_hardware()
            limit = None
            if model == "cnn":
                limit = 32 / fresh(LIMIT, 32, n_frames, int(reduced))[0]
            if precision == "auto" and not reduced:
                continue  # the claim is about processors with bfloat16
            name = f"{model.upper()} epoch, {'bfloat16' if reduced else 'float32'}"
            ours = n / seconds[precision]
            needed = bar if reduced else FLOAT32_BAR
            peers = {"plain skorch": plain}
            rows.append(Row(name, "recordings/s", ours, peers, ours / plain, needed, limit=limit))
            if model == "cnn":
                share, peers = peaks[precision] / peaks["plain"], {"plain skorch": peaks["plain"]}
                claim = f"{name}, peak of memory"
                rows.append(Row(claim, "MiB", peaks[precision], peers, share, 1.0, True))
    return rows


if __name__ == "__main__":
    main(run)
