"""Claim: heart sounds are generated at least 100 times as fast as they would take to hear.

    python benchmarks/sounds.py

The median of several runs, in seconds of one processor, over 200 s of sound.
"""

import statistics
import time

from skheart.datasets import make_heart_sounds

RUNS = 5
SECONDS = 200.0


def main():
    times = []
    for seed in range(RUNS):
        start = time.process_time()
        make_heart_sounds(20, recordings_per_subject=1, duration=SECONDS / 20, random_state=seed)
        times.append(time.process_time() - start)
    ratio = SECONDS / statistics.median(times)
    print(f"{ratio:.0f} times as fast as real time")
    assert ratio > 100, "generating heart sounds is slow"


if __name__ == "__main__":
    main()
