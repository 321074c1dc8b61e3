"""Run the benchmarks, each in a fresh process, and print one table of claims.

    python -m benchmarks [NAME ...] [--full]

All run by default, on small sizes; `--full` uses the sizes of the claims. Progress goes to
standard error. The exit status is 1 if a claim was missed or a benchmark failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from benchmarks._measure import LeftOut, Row

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "claims"
HEADER = ("benchmark", "claim", "ours", "unit", "limit", "value", "bar", "", "peers")


class Outcome(NamedTuple):
    """Outcome of a benchmark.

    Attributes
    ----------
    rows : list of Row
        Its claims; empty if it did not finish.
    note : str
        The reason.
    failed : bool
        Whether not finishing is a failure.
    """

    rows: list
    note: str = ""
    failed: bool = False

    @property
    def missed(self):
        """Claims that were missed."""
        return [row.claim for row in self.rows if not row.holds]


def benchmark_names():
    """Return the names of the benchmarks: the public modules of `claims`."""
    return sorted(path.stem for path in FOLDER.glob("[!_]*.py"))


def outcome(module, full):
    """Run a module's benchmark in this process."""
    try:
        return Outcome(import_module(module).run(small=not full))
    except LeftOut as reason:
        return Outcome([], f"left out: {reason}")
    except ModuleNotFoundError as error:
        missing = error.name.partition(".")[0]
        if missing in ("benchmarks", "skheart"):
            raise
        needs = f"not run: needs {missing}, python -m pip install '.[bench]'"
        return Outcome([], needs, failed=True)


def measure(module, full=False):
    """Run a benchmark in a fresh process, with its output on standard error."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "outcome.json")
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        code = "from benchmarks.__main__ import child; child()"
        done = subprocess.run(
            [sys.executable, "-c", code, module, str(int(full)), file],
            stdout=2,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            check=False,
        )
        if not os.path.exists(file):
            note = f"failed: the process ended with status {done.returncode}"
            return Outcome([], note, failed=True)
        rows, note, failed = json.loads(Path(file).read_text(encoding="utf-8"))
    return Outcome([Row(*row) for row in rows], note, failed)


def child():
    """Write the outcome of a benchmark to a file, in the fresh process."""
    module, full, file = sys.argv[1:]
    try:
        found = outcome(module, bool(int(full)))
    except Exception as error:
        traceback.print_exc()
        text = " ".join(str(error).split())[:100]
        found = Outcome([], f"failed: {type(error).__name__}: {text}", failed=True)
    Path(file).write_text(json.dumps(found, default=float), encoding="utf-8")


def table(outcomes):
    """Return the lines of the table; peers are last because they are wide."""
    lines = [HEADER]
    for name, found in outcomes.items():
        if found.note:
            lines.append((name, found.note))
        for row in found.rows:
            limit = "" if row.limit is None else f"{row.limit:.4g}"
            bar = f"{'<=' if row.at_most else '>='} {row.bar:g}"
            verdict = "holds" if row.holds else "MISSED"
            peers = ", ".join(f"{peer} {value:.4g}" for peer, value in row.peers.items())
            cells = (row.claim, f"{row.ours:.4g}", row.unit, limit, f"{row.value:.3g}", bar)
            lines.append((name, *cells, verdict, peers))
    full_lines = [line for line in lines if len(line) == len(HEADER)]
    widths = [max(map(len, column)) for column in zip(*full_lines, strict=True)]
    padded = ((cell.ljust(width) for cell, width in zip(line, widths)) for line in lines)  # noqa: B905
    return ["  ".join(cells).rstrip() for cells in padded]


def main(arguments=None):
    """Run benchmarks by name, print the table, return the exit status."""
    names = benchmark_names()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Run benchmarks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--full", action="store_true", help="the sizes of the claims; long")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in names:
            parser.error(f"there is no benchmark {name!r}, but {', '.join(names)}")
    start, outcomes = time.perf_counter(), {}
    for name in options.names or names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        began = time.perf_counter()
        found = outcomes[name] = measure(f"benchmarks.claims.{name}", options.full)
        what = found.note or f"{len(found.rows)} claims, {len(found.missed)} missed"
        print(f"{name}: {time.perf_counter() - began:.0f} s, {what}", file=sys.stderr, flush=True)
    print(*table(outcomes), sep="\n")
    n_missed = sum(len(found.missed) for found in outcomes.values())
    n_failed = sum(found.failed for found in outcomes.values())
    n_claims = sum(len(found.rows) for found in outcomes.values())
    seconds = time.perf_counter() - start
    print(f"{n_claims} claims, {n_missed} missed; {n_failed} benchmarks failed; {seconds:.0f} s")
    return int(n_missed + n_failed > 0)


if __name__ == "__main__":
    sys.exit(main())
