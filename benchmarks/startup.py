"""Claim: importing skheart takes under 0.15 s more than numpy alone, `skheart --help` under 0.5 s.

    python benchmarks/startup.py

Both sides are measured in one run, in turns, each in a fresh interpreter, so that a busy machine
slows them alike; the median counts. Times are of the whole process, in seconds.
"""

import statistics
import subprocess
import sys
import time

ROUNDS = 15
NUMPY = "import numpy"
SKHEART = "import numpy, skheart"
HELP = "import sys; from skheart.cli import main; sys.exit(main(['--help']))"


def seconds(code):
    """Wall time of a fresh interpreter that runs code."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main():
    codes = {"import numpy": NUMPY, "import numpy, skheart": SKHEART, "skheart --help": HELP}
    for code in codes.values():
        seconds(code)  # bytecode and disk cache
    times = {name: [] for name in codes}
    for _ in range(ROUNDS):
        for name, code in codes.items():
            times[name].append(seconds(code))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:24}{value:.3f} s")
    extra = medians["import numpy, skheart"] - medians["import numpy"]
    print(f"{'skheart over numpy':24}{extra:.3f} s")
    assert extra < 0.15, "import skheart is slow"
    assert medians["skheart --help"] < 0.5, "skheart --help is slow"


if __name__ == "__main__":
    main()
