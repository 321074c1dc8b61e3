"""Claim: a prediction starts quickly, and what cannot work is refused before torch is imported.

    python -m benchmarks.claims.startup [--small]

With I, the time to import torch, skorch and scikit-learn in one process:

- ``skheart predict --pretrained circor-murmur`` of one recording of 20 s takes at most 2.5 I if no
  loop has been compiled before, and at most 1.5 I afterwards;
- a path, a column or an option that cannot work stops the command within 0.3 I;
- ``import skheart`` takes at most 0.15 s longer than numpy alone.

All are measured in turns, each in a fresh process, so that a busy machine slows them alike; the
median over the rounds counts. With ``--small`` there are fewer rounds.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from benchmarks._measure import Row, in_turns, main, ratio

LIBRARIES = "import torch, skorch, sklearn"
PREDICT = ["predict", "--pretrained", "circor-murmur"]
REFUSED = {
    "missing path": [*PREDICT, "nowhere.wav"],
    "missing column": ["train", "table.csv", "-o", "model", "--label", "diagnosis"],
    "unknown option": [*PREDICT, "one.wav", "--by-patients"],
}


def run(small=False):
    with tempfile.TemporaryDirectory() as folder:
        noise = np.random.default_rng(0).normal(size=80_000)
        soundfile.write(Path(folder, "one.wav"), 0.1 * noise, 4000)
        Path(folder, "table.csv").write_text("path,label,subject\none.wav,normal,anna\n")
        times = _times(folder, rounds=3 if small else 7)
    rows = [
        _row(times, "first prediction, nothing compiled", "cold", 2.5),
        _row(times, "first prediction, compiled before", "warm", 1.5),
        *(_row(times, f"{name} refused", name, 0.3) for name in REFUSED),
    ]
    seconds = {name: statistics.median(values) for name, values in times.items()}
    extra = seconds["skheart"] - seconds["numpy"]
    peers = {"import numpy": seconds["numpy"]}
    return [*rows, Row("import skheart", "s", seconds["skheart"], peers, extra, 0.15, True)]


def _times(folder, rounds):
    """Return the wall times of all cases; the first round fills the caches of the warm one."""
    caches = tempfile.TemporaryDirectory(dir=folder)
    empty = iter(range(10**6))

    def start(*words, status=0, cache=caches.name):
        done = subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            env={**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": _ROOT},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if done.returncode != status:
            raise RuntimeError(f"{' '.join(words)} ended with status {done.returncode}")

    command = ("-m", "skheart")
    cases = {
        "libraries": lambda: start("-c", LIBRARIES),
        "cold": lambda: start(*command, *PREDICT, "one.wav", cache=f"{caches.name}/{next(empty)}"),
        "warm": lambda: start(*command, *PREDICT, "one.wav"),
        "numpy": lambda: start("-c", "import numpy"),
        "skheart": lambda: start("-c", "import numpy, skheart"),
    }
    for name, words in REFUSED.items():
        cases[name] = lambda words=words: start(*command, *words, status=2)
    return in_turns(cases, rounds=rounds)


def _row(times, claim, case, bar):
    seconds = {name: statistics.median(times[name]) for name in (case, "libraries")}
    value = ratio(times, case, "libraries")
    peers = {"import torch, skorch, sklearn": seconds["libraries"]}
    return Row(claim, "s", seconds[case], peers, value, bar, True)


_ROOT = str(Path(__file__).parents[2])

if __name__ == "__main__":
    main(run)
