"""What the benchmarks share: measuring in turns, memory of a fresh process, and the table."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

MIB = 2**20


class Row(NamedTuple):
    """A claim, as one line of the table.

    Attributes
    ----------
    claim : str
        What is measured, as "CNN epoch, float32".
    unit : str
        Of `ours`, `peers` and `limit`, as "recordings/s".
    ours : float
        What skheart reached.
    peers : dict of str to float
        What others reached, in the same run.
    value : float
        What the claim is about: mostly the ratio to a peer.
    bar : float
        What `value` must reach.
    at_most : bool, default=False
        Whether `bar` is an upper bound.
    limit : float or None, default=None
        What the machine allows, where that was measured.
    """

    claim: str
    unit: str
    ours: float
    peers: dict
    value: float
    bar: float
    at_most: bool = False
    limit: float | None = None

    @property
    def holds(self):
        return self.value <= self.bar if self.at_most else self.value >= self.bar


class LeftOut(Exception):
    """Raised by a benchmark that has no place on this machine, with the reason."""


def in_turns(cases, rounds=5, warm_up=1):
    """Wall times in seconds, every case once a round, so that a busy machine slows all alike.

    Parameters
    ----------
    cases : dict of str to callable
        What to time, each without arguments.
    rounds : int, default=5
        Times that each is timed.
    warm_up : int, default=1
        Rounds that do not count.

    Returns
    -------
    dict of str to list of float
    """
    times = {name: [] for name in cases}
    for turn in range(warm_up + rounds):
        for name, case in cases.items():
            start = time.perf_counter()
            case()
            if turn >= warm_up:
                times[name].append(time.perf_counter() - start)
    return times


def ratio(times, slow, fast):
    """How many times as fast one case is as another: the median over the rounds."""
    return statistics.median(a / b for a, b in zip(times[slow], times[fast], strict=True))


def fresh(code, *arguments, threads=None):
    """What Python code prints in a fresh process, its last line as a list of floats.

    Parameters
    ----------
    code : str
        The program; `benchmarks` and `skheart` can be imported.
    *arguments : str
        For its ``sys.argv``.
    threads : int or None, default=None
        OMP_NUM_THREADS of the process.
    """
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    environment = {**os.environ, "PYTHONPATH": root}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment, cwd=root
    )
    return [float(word) for word in done.stdout.splitlines()[-1].split()]


def peak_mib():
    """Largest resident memory of this process so far, in MiB (Linux)."""
    with open("/proc/self/status") as status:
        lines = dict(line.split(":", 1) for line in status if ":" in line)
    return int(lines["VmHWM"].split()[0]) / 1024


def reset_peak():
    """Start `peak_mib` anew, from what is resident now (Linux)."""
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")


def show(rows):
    """Print rows as a table: ours, each peer, the limit, and the value with its bar."""
    for row in rows:
        others = ", ".join(f"{name} {value:.4g}" for name, value in row.peers.items())
        limit = "" if row.limit is None else f", limit {row.limit:.4g}"
        sign, verdict = "<=" if row.at_most else ">=", "holds" if row.holds else "FAILS"
        print(f"{row.claim}: ours {row.ours:.4g}, {others}{limit} {row.unit}; ", end="")
        print(f"{row.value:.3g} {sign} {row.bar:g}: {verdict}")


def main(run, small_size=False):
    """Run one benchmark from the command line; ``--small`` takes small sizes."""
    rows = run(small="--small" in sys.argv[1:] or small_size)
    show(rows)
    missed = [row.claim for row in rows if not row.holds]
    assert not missed, f"not reached: {missed}"


def main_resumable(name, run):
    """The same for one that reads its own options, and goes on where it was stopped."""
    try:
        main(lambda small: run(small, sys.argv[1:]))
    except KeyboardInterrupt:
        print("stopped: the same command goes on from what --store has", file=sys.stderr)
        sys.exit(130)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"{name}: {error}")
