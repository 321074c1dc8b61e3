"""Claim: training in bfloat16 keeps the UAR within the 95% CI of training in float32.

    python -m benchmarks.claims.quality [--small] [--circor FOLDER]

Cross-validated by subject, with a bootstrap over subjects. Trains a small network on generated
heart sounds, or with --circor the default CNN on CirCor DigiScope in FOLDER (murmur, three classes;
4 s, 5 epochs, one of four folds), which takes minutes.
"""

from __future__ import annotations

import sys

from sklearn.model_selection import StratifiedGroupKFold

from benchmarks._measure import Row, main


def predictions(sounds, settings, precision, n_folds):
    """Return labels, predictions and subjects of the first of four folds."""
    from skheart import make_heart_pipeline

    folds = list(StratifiedGroupKFold(4).split(sounds.target, sounds.target, sounds.groups))
    true, predicted, groups = [], [], []
    for train, test in folds[:n_folds]:
        pipeline = make_heart_pipeline("cnn", random_state=0).set_params(**settings)
        pipeline.set_params(clf__precision=precision)
        pipeline.fit([sounds.data[i] for i in train], sounds.target[train])
        predicted += list(pipeline.predict([sounds.data[i] for i in test]))
        true += list(sounds.target[test])
        groups += list(sounds.groups[test])
    return true, predicted, groups


def run(small=False, circor=None):
    """Return the claims."""
    from skheart import bootstrap_interval, uar
    from skheart.datasets import load_circor, make_heart_sounds

    if circor is not None:
        sounds, n_folds, name = load_circor(circor), 1, "CirCor"
        settings = {"logmel__duration": 4, "clf__max_epochs": 5}
    else:
        sounds = make_heart_sounds(n_subjects=60 if small else 120, duration=4, random_state=0)
        n_folds, name = 4, "generated sounds"
        settings = {"logmel__duration": 4, "clf__max_epochs": 10, "clf__lr": 0.003}
        settings["clf__channels"] = (8, 16, 32, 32)
    found = {
        precision: bootstrap_interval(uar, true, predicted, groups=groups, random_state=0)
        for precision in ("float32", "bfloat16")
        for true, predicted, groups in [predictions(sounds, settings, precision, n_folds)]
    }
    exact, reduced = found["float32"], found["bfloat16"]
    peers = {"float32": exact.estimate, "lower limit": exact.low, "upper limit": exact.high}
    claim = f"UAR in bfloat16, {name}, above the lower limit"
    value = reduced.estimate - exact.low
    return [Row(claim, "UAR", reduced.estimate, peers, value, 0.0)]


if __name__ == "__main__":
    arguments = sys.argv[1:]
    folder = arguments[arguments.index("--circor") + 1] if "--circor" in arguments else None
    main(lambda small: run(small, folder))
