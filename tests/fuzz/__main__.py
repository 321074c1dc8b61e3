"""Try hostile inputs, and print what happened.

    python -m tests.fuzz --cases 10000 --seed 0 [--keep FOLDER]

Damaged sound files are compared with what libsndfile decodes, tables with what the csv module
reads, model files with the model that was saved. Exit status 1 if a case failed; its input is then
kept in a folder (fuzz-failures, unless --keep names another).
"""

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from ._cases import KINDS


def run(n_cases, seed, keep):
    """Run cases; return a table of counts and a list of (case, error)."""
    kinds, shares = list(KINDS), np.array(list(KINDS.values()))
    counts, failures = Counter(), []
    for case in range(n_cases):
        rng = np.random.default_rng([seed, case])
        kind = kinds[rng.choice(len(kinds), p=shares)]
        with tempfile.TemporaryDirectory() as name:
            try:
                outcome = kind(rng, Path(name))
            except Exception as error:
                outcome = "FAILED"
                failures.append((case, kind.__name__, error))
                folder = Path(keep) / f"{seed}-{case}-{kind.__name__}"
                shutil.copytree(name, folder, dirs_exist_ok=True)
                text = "".join(traceback.format_exception(error))
                (folder / "error.txt").write_text(text, encoding="utf-8")
        counts[kind.__name__, outcome] += 1
    rows = [(kind, outcome, n) for (kind, outcome), n in sorted(counts.items())]
    return pd.DataFrame(rows, columns=["kind", "outcome", "cases"]), failures


def main(arguments=None):
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", default="fuzz-failures", help="folder for inputs that failed")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    table, failures = run(options.cases, options.seed, options.keep)
    print(table.to_string(index=False))
    seconds = time.perf_counter() - start
    print(f"{options.cases} cases, {len(failures)} failed, {seconds:.0f} s")
    for case, kind, error in failures[:20]:
        print(f"case {case} ({kind}): {type(error).__name__}: {error}")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
