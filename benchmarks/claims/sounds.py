"""Claim: heart sounds are generated at least 100 times as fast as they would take to hear.

    python -m benchmarks.claims.sounds [--small]

The median of several runs, in seconds of one processor, over 200 s of sound (with ``--small``,
fewer runs).
"""

import statistics
import time

from benchmarks._measure import Row, main

SECONDS = 200.0


def run(small=False):
    from skheart.datasets import make_heart_sounds

    times = []
    for seed in range(3 if small else 5):
        start = time.process_time()
        make_heart_sounds(20, recordings_per_subject=1, duration=SECONDS / 20, random_state=seed)
        times.append(time.process_time() - start)
    speed = SECONDS / statistics.median(times)
    peers = {"real time": 1.0}
    return [Row("Heart sounds generated", "s of sound a second", speed, peers, speed, 100)]


if __name__ == "__main__":
    main(run)
