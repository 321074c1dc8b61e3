"""Claim: the contribution to "murmur" lies in systole if a CNN was trained on true labels only.

    python -m benchmarks.studies.explain [--small] [--store FOLDER] [--circor FOLDER]

Generated murmurs are in systole. The contribution of a trained CNN with fine time resolution to the
class "murmur" is enriched in systole more than 1.5 times, with p < 0.01 against circular shifts.
For the same network trained on labels shuffled within each class, enrichment stays below 1.5 on
average. (A single such network may exceed 1.5: it detects the murmur and gives it a random sign.)
Contributions are taken relative to their mean over the classes, which a softmax ignores. They add
up to the logits within 1e-4, and explaining 100 recordings takes at most 3 times as long as
predicting them.

--store writes the tables of `skheart.explain.explain_checks`, with a summary, to FOLDER as CSV, for
CNN, CNN with fine time resolution (with kernels of 3 x 3, and of 1 frame x 3 mel bins, whose
receptive field is little more than a cell), LSTM, GRU, and 400 trees on the average heart cycle
(with a segmenter trained on the same recordings). Existing tables are not computed again. --circor
also writes them for CirCor DigiScope: 6 s, 8 epochs, a quarter of the recordings held out by
subject. The summary has the UAR of the held-out recordings with its 95% CI, and the seconds of
training.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks._measure import Row, in_turns, main, ratio

MODELS = {
    "cnn": ("cnn", {}),
    "cnn, fine": ("cnn", {"clf__pool_size": "fine"}),
    "cnn, fine, narrow": ("cnn", {"clf__pool_size": "fine", "clf__kernel_size": (1, 3)}),
    "lstm": ("lstm", {}),
    "gru": ("gru", {}),
}
TREES = "trees"
SMALL = {
    "cnn": {"clf__channels": (16, 32, 32, 32)},
    "lstm": {"clf__units": (32, 32)},
    "gru": {"clf__units": (32, 32)},
}
TRAINING = {"clf__lr": 2e-3, "clf__lr_schedule": "one_cycle", "clf__max_epochs": 20}
N_COMPARED = 40  # recordings for the slow checks


def pipeline_of(name, duration, seed=0, **settings):
    from skheart import make_heart_pipeline

    model, own = MODELS[name]
    pipeline = make_heart_pipeline(model, random_state=seed)
    return pipeline.set_params(logmel__duration=duration, **own, **settings)


def murmurs(n_subjects, seed):
    """Generate sounds with loud murmurs and without murmurs."""
    from skheart.datasets import make_heart_sounds

    sounds = make_heart_sounds(
        n_subjects, recordings_per_subject=1, duration=4, difficulty=0.3, weights=(1, 0, 1),
        random_state=seed,
    )  # fmt: skip
    sounds.target = np.where(sounds.target == "normal", "normal", "murmur")
    return sounds


def shuffled_within(y, seed):
    """Make labels uninformative: each class gets half of either label."""
    rng, shuffled = np.random.RandomState(seed), y.copy()
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        shuffled[rows[::2]], shuffled[rows[1::2]] = np.unique(y)
    return shuffled


def systole(pipeline, sounds):
    """Enrichment of systole in recordings with a murmur, its p, and the largest gap to a logit."""
    from skheart.explain import explain_checks

    rows = np.flatnonzero(sounds.target == "murmur")
    found = explain_checks(
        pipeline, [sounds.data[row] for row in rows],
        segmentation=[sounds.segmentation[row] for row in rows], label="murmur", relative=True,
        checks=("completeness", "phases"), random_state=0,
    ).set_index("what")  # fmt: skip
    enrichment = found.loc["systole"]
    return enrichment.value, enrichment.p, found.loc["largest gap", "value"]


def ground_truth(small):
    """Claims about networks trained on true and on shuffled labels."""
    train, test = murmurs(800, 0), murmurs(60, 1)
    seeds = range(3 if small else 8)
    settings = {**TRAINING, **SMALL["cnn"], "clf__max_epochs": 6}
    true, shuffled = [], []
    for seed in seeds:
        pipeline = pipeline_of("cnn, fine", 4, seed, **settings)
        true.append(systole(pipeline.fit(train.data, train.target), test))
        pipeline.fit(train.data, shuffled_within(train.target, seed))
        shuffled.append(systole(pipeline, test)[0])
    least, p, gap = np.array(true).T
    means = {"shuffled labels, mean": float(np.mean(shuffled))}
    claim = "systole in the contribution to murmur"
    return [
        Row(f"{claim}, minimum of {len(true)}", "times chance", float(np.mean(least)), means,
            float(least.min()), 1.5),
        Row(f"{claim}, p", "", float(p.max()), {}, float(p.max()), 0.01, True),
        Row(f"{claim}, shuffled labels", "times chance", means["shuffled labels, mean"],
            {"largest": float(max(shuffled))}, means["shuffled labels, mean"], 1.5, True),
        Row("contributions add up to the logits", "logit", float(gap.max()), {},
            float(gap.max()), 1e-4, True),
    ]  # fmt: skip


def speed(small):
    """Claims about the time that explanations take."""
    from skheart.explain import explain

    rows = []
    sounds = murmurs(100, 2)
    for name in ("cnn", "cnn, fine", "gru"):
        pipeline = pipeline_of(name, 4, clf__max_epochs=1, **SMALL[MODELS[name][0]])
        pipeline.fit(sounds.data[:8], sounds.target[:8])
        cases = {
            "explain": lambda p=pipeline: explain(p, sounds.data),
            "predict": lambda p=pipeline: p.predict_proba(sounds.data),
        }
        times = in_turns(cases, rounds=5 if small else 11)
        per_second = {k: len(sounds.data) / float(np.median(v)) for k, v in times.items()}
        rows.append(
            Row(f"explanation of 100 recordings, {name}", "recordings/s", per_second["explain"],
                {"predict": per_second["predict"]}, ratio(times, "explain", "predict"), 3.0, True)
        )  # fmt: skip
    return rows


def fitted_trees(recordings, y, segmentation):
    """Fit trees on the average heart cycle, and a segmenter for it, to recordings."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import make_pipeline

    from skheart.segmentation import HeartCycleTransformer, HeartPhaseSegmenter

    segmenter = HeartPhaseSegmenter(random_state=0).fit(recordings, segmentation)
    trees = ExtraTreesClassifier(400, max_features=0.2, random_state=0)
    cycle = HeartCycleTransformer(FrozenEstimator(segmenter), contrasts=True)
    return make_pipeline(cycle, trees).fit(recordings, y)


def generated_case(name):
    """Train a model on generated sounds; return it with test sounds and training time."""
    train, test = murmurs(200, 0), murmurs(80, 1)
    start = time.perf_counter()
    if name == TREES:
        pipeline = fitted_trees(train.data, train.target, train.segmentation)
    else:
        pipeline = pipeline_of(name, 4, **TRAINING, **SMALL[MODELS[name][0]])
        pipeline.fit(train.data, train.target)
    return pipeline, test, {"seconds": time.perf_counter() - start}


def circor_case(name, folder):
    """Train a model on CirCor; return it with held-out recordings and training time."""
    from skheart.datasets import load_circor
    from skheart.evaluation import hold_out_by_subject

    data = load_circor(folder)
    train, test = hold_out_by_subject(data.target, data.groups, test_size=0.25, random_state=0)
    paths, target = [data.paths[row] for row in train], data.target[train]
    start = time.perf_counter()
    if name == TREES:
        pipeline = fitted_trees(paths, target, [data.segmentation[row] for row in train])
    else:
        pipeline = pipeline_of(name, 6, clf__max_epochs=8).fit(paths, target)
    seconds = time.perf_counter() - start
    held_out = {k: [getattr(data, k)[row] for row in test] for k in ("paths", "segmentation")}
    data.update(target=data.target[test], groups=data.groups[test], **held_out)
    data.data = data.paths
    return pipeline, data, {"seconds": seconds}


def store_case(store, source, name, make, label):
    """Write the table and the summary of a model, unless they exist."""
    from skheart import bootstrap_interval, uar
    from skheart.explain import explain_checks

    stem = f"{source}-{name.replace(', ', '-')}"
    table_file, summary_file = store / f"{stem}.csv", store / f"{stem}.json"
    if summary_file.exists():
        return
    print(f"explain: {stem} ...", file=sys.stderr, flush=True)
    pipeline, test, summary = _trained(store / f"{stem}.joblib", lambda: make(name))
    predicted = pipeline.predict(test.data)
    score = bootstrap_interval(uar, test.target, predicted, groups=test.groups, random_state=0)
    summary |= {"uar": score.estimate, "low": score.low, "high": score.high}
    summary |= {"recordings": len(predicted), "subjects": len(np.unique(test.groups))}
    some = np.random.RandomState(0).permutation(len(predicted))[:N_COMPARED]
    few = [[values[row] for row in some] for values in (test.data, test.target, test.segmentation)]
    parts = []
    # Contributions of trees have a mean of zero over the classes.
    for relative in (False,) if name == TREES else (False, True):
        common = {"label": label, "relative": relative, "random_state": 0, "verbose": 1}
        whole = explain_checks(
            pipeline, test.data, test.target, test.segmentation, groups=test.groups,
            checks=("completeness", "phases"), **common,
        )  # fmt: skip
        slow = ("randomisation", "deletion", *(["agreement"] if relative else []))
        slow = ("deletion",) if name == TREES else slow
        part = explain_checks(pipeline, *few, groups=test.groups[some], checks=slow, **common)
        parts += [table.assign(relative=relative) for table in (whole, part)]
    import pandas as pd

    pd.concat(parts).to_csv(table_file, index=False, float_format="%.4g")
    summary_file.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


def _trained(file, make):
    """Load a model from a file, or train and store it."""
    import joblib

    if not file.exists():
        part = file.with_suffix(".part")
        joblib.dump(make(), part)
        part.replace(file)
    return joblib.load(file)


def run(small=False, store=None, circor=None):
    """Return the claims."""
    rows = ground_truth(small) + speed(small)
    if store is not None:
        store = Path(store)
        store.mkdir(parents=True, exist_ok=True)
        for name in (*MODELS, TREES):
            store_case(store, "generated", name, generated_case, "murmur")
            if circor is not None:
                store_case(store, "circor", name, lambda n: circor_case(n, circor), "Present")
    return rows


def option(name):
    arguments = sys.argv[1:]
    return arguments[arguments.index(name) + 1] if name in arguments else None


if __name__ == "__main__":
    main(lambda small: run(small, option("--store"), option("--circor")))
