"""Claim: a search with two workers is at least 1.6 times as fast as with one, for small nets.

    python -m benchmarks.claims.search [--small]

A `GridSearchCV` over four learning rates and two folds, eight fits of the demonstration's CNN on
4 s, with ``n_jobs=1`` and ``n_jobs=2`` in turns, on two cores of the machine. Maps of so small a
net are one chunk, which one thread computes: a second core is of use to a second fit alone. The
two worker processes have been started and have imported torch before (`GridSearchCV` keeps them),
since that takes some seconds whatever the search is. The scores are the same to the last bit. The
limit is the number of cores.
"""

import os

import numpy as np
from sklearn.model_selection import GridSearchCV

from benchmarks._measure import Row, in_turns, main, ratio
from skheart import AttentionCNNClassifier


def search(X, y, n_jobs):
    clf = AttentionCNNClassifier(channels=(8, 16, 32, 32), max_epochs=4, random_state=0)
    grid = {"lr": [1e-4, 3e-4, 1e-3, 3e-3]}
    found = GridSearchCV(clf, grid, cv=2, n_jobs=n_jobs, refit=False).fit(X, y)
    return found.cv_results_["mean_test_score"]


def run(small=False):
    assert len(os.sched_getaffinity(0)) >= 2, "the claim is about two cores"
    n = 160 if small else 320
    X = np.random.default_rng(0).normal(size=(n, 124, 64)).astype(np.float32)
    y = np.arange(n) % 2
    cases = {
        "n_jobs=1": lambda: search(X, y, 1),
        "n_jobs=2": lambda: search(X, y, 2),
    }
    one, two = cases["n_jobs=1"](), cases["n_jobs=2"]()
    np.testing.assert_array_equal(one, two)  # the scores do not depend on where a net is trained
    times = in_turns(cases, rounds=3 if small else 4)
    fits = {name: 8 / min(seconds) for name, seconds in times.items()}
    ours = fits.pop("n_jobs=2")
    value = ratio(times, "n_jobs=1", "n_jobs=2")
    limit = 2 * fits["n_jobs=1"]
    return [Row("grid search of a small CNN", "fits/s", ours, fits, value, 1.6, limit=limit)]


if __name__ == "__main__":
    main(run)
