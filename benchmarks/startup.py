"""Claim: importing skheart takes under 0.15 s more than numpy alone, `skheart --help` under 0.5 s.

    python -m benchmarks.startup [--small]

Both sides are measured in one run, in turns, each in a fresh interpreter, so that a busy machine
slows them alike; the median counts. Times are of the whole process, in seconds. With ``--small``
there are fewer rounds.
"""

import statistics
import subprocess
import sys

from benchmarks._measure import Row, in_turns, main

CODES = {
    "numpy": "import numpy",
    "skheart": "import numpy, skheart",
    "help": "import sys; from skheart.cli import main; sys.exit(main(['--help']))",
}


def start(code):
    """Run code in a fresh interpreter."""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def run(small=False):
    cases = {name: lambda code=code: start(code) for name, code in CODES.items()}
    times = in_turns(cases, rounds=5 if small else 15)  # the first fills the disk cache
    seconds = {name: statistics.median(values) for name, values in times.items()}
    numpy = {"import numpy": seconds["numpy"]}
    extra = seconds["skheart"] - seconds["numpy"]
    return [
        Row("import skheart, above numpy", "s", seconds["skheart"], numpy, extra, 0.15, True),
        Row("skheart --help", "s", seconds["help"], numpy, seconds["help"], 0.5, True),
    ]


if __name__ == "__main__":
    main(run)
