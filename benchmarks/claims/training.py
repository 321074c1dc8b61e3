"""Claim: an epoch of the default nets trains several times as fast as plain skorch, in less memory.

    python -m benchmarks.claims.training [--small]

On the CPU, against a skorch net of the same architecture in float32 (`benchmarks/claims/_plain.py`)
and, for the CNN, against the best plain form: the same fit without compiled loops, which is torch
with channels last, autocast, pooling before the normalisation and memory that is used again.
With ``precision="auto"``, where the processor has bfloat16: the CNN at least 4 times as fast as
plain skorch, LSTM and GRU 1.5 times. With ``precision="float32"`` the CNN at least 2 times. In both
the compiled loops make the CNN at least 1.25 times as fast. The CNN's peak of memory is at most
that of plain skorch. At the paper's size, 936 frames in batches of 32. Each net trains in a fresh
process, in turns; the fastest epoch after the first counts (the first compiles), and a ratio is
the median over the rounds. With --small an epoch is one batch, each net trains once, and the
recurrent nets read 312 frames.
"""

from __future__ import annotations

import statistics

from benchmarks._measure import Row, fresh, main

BARS = {"cnn": 4.0, "lstm": 1.5, "gru": 1.5}
FLOAT32_BAR = 2.0
LOOPS_BAR = 1.25

EPOCHS = """
import sys
from benchmarks._measure import peak_mib
from benchmarks.claims._plain import plain_skorch, spectrograms
model, name, n, n_frames, epochs = sys.argv[1:3] + [int(v) for v in sys.argv[3:]]
X, y = spectrograms(n, n_frames)
if name == "plain":
    history = plain_skorch(model, max_epochs=epochs).fit(X, y).history
else:
    from skheart import AttentionCNNClassifier, AttentionRNNClassifier
    from skheart._cpu import work
    precision, _, loops = name.partition(" ")
    work.COMPILE_WORK = float("inf") if loops else 0
    settings = {"max_epochs": epochs, "precision": precision, "random_state": 0}
    if model == "cnn":
        clf = AttentionCNNClassifier(**settings)
    else:
        clf = AttentionRNNClassifier(cell=model, **settings)
    history = clf.fit(X, y).history_
print(min(history[1:, "dur"]), peak_mib())
"""


def compare(model, precisions, n, n_frames, rounds):
    """Epochs of each round in seconds, and peak in MiB, of plain skorch and of each precision."""
    names = ["plain", *precisions]
    found = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[:: 1 if turn % 2 else -1]:  # each comes first as often
            epochs = 2 if name == "plain" else 4
            found[name].append(fresh(EPOCHS, model, name, n, n_frames, epochs))
    seconds = {name: [v[0] for v in values] for name, values in found.items()}
    peaks = {name: max(v[1] for v in values) for name, values in found.items()}
    return seconds, peaks


def times_as_fast(ours, peer):
    """Median over the rounds of how many times as fast as a peer: both ran one after the other."""
    return statistics.median(b / a for a, b in zip(ours, peer, strict=True))


def run(small=False):
    """The rows of the table."""
    from skheart._cpu.hardware import multiplies_bfloat16

    rows = []
    n = 32 if small else 96
    for model, bar in BARS.items():
        n_frames = 312 if small and model != "cnn" else 936
        names = ["auto", "auto plain", "float32", "float32 plain"] if model == "cnn" else ["auto"]
        seconds, peaks = compare(
            model, names, n, n_frames, rounds=1 if small else 5 if model == "cnn" else 3
        )
        speed = {name: n / statistics.median(values) for name, values in seconds.items()}
        for precision in names[::2]:
            reduced = precision == "auto" and multiplies_bfloat16()
            if precision == "auto" and not reduced:
                continue  # the claim is about processors with bfloat16
            name = f"{model.upper()} epoch, {'bfloat16' if reduced else 'float32'}"
            ours, needed = speed[precision], bar if reduced else FLOAT32_BAR
            peers = {"plain skorch": speed["plain"]}
            value = times_as_fast(seconds[precision], seconds["plain"])
            if model == "cnn":
                peers["best plain form"] = speed[f"{precision} plain"]
                gain = times_as_fast(seconds[precision], seconds[f"{precision} plain"])
                claim = f"{name}, against the best plain form"
                rows.append(Row(claim, "recordings/s", ours, peers, gain, LOOPS_BAR))
                share, sizes = peaks[precision] / peaks["plain"], {"plain skorch": peaks["plain"]}
                claim = f"{name}, peak of memory"
                rows.append(Row(claim, "MiB", peaks[precision], sizes, share, 1.0, True))
            rows.append(Row(name, "recordings/s", ours, peers, value, needed))
    return rows


if __name__ == "__main__":
    main(run)
