"""Scores of the pretrained models, by subgroup, their calibration, and figures of both."""

from __future__ import annotations

import warnings

import numpy as np

from ._store import probability_columns

AGES = ["Neonate", "Infant", "Child", "Adolescent", "Young adult"]
COUNTS = ["1", "2", "3", "4", "5 or more"]
SUBGROUPS = {
    "sex": "sex",
    "age": "age group",
    "campaign": "campaign",
    "n_recordings": "recordings of the patient",
}
OF_SUBGROUPS = ("uar", "circor_weighted_accuracy", "roc_auc")
GRADED = "Present, systolic murmur graded"
NOT_GRADED = "no systolic grade"
ECE = "expected_calibration_error"
# Niizumi et al., "Exploring Pre-trained General-purpose Audio Representations for Heart Murmur
# Detection", IEEE EMBC, 2024, Table II.
PUBLISHED = {"uar": 0.713, "circor_weighted_accuracy": 0.832}
PUBLISHED_BY = "Niizumi et al., EMBC 2024, Table II"
N_BINS = 10  # of the expected calibration error
COLUMNS = ["by", "value", "metric", "score", "low", "high", "n_subjects", "n_patients", "note"]


def score(frame, classes, *, n_resamples=2000):
    """Score the patients of all folds; a patient of several repeats counts once."""
    import pandas as pd

    from skheart.evaluation import ScoreReport, report

    n_repeats = frame["repeat"].nunique()
    proba = frame[probability_columns(classes)].to_numpy()
    common = {"groups": frame["subject"].to_numpy(str), "classes": classes, "method": "bca"}
    common |= {"n_resamples": n_resamples, "random_state": 0}
    metrics = {name: name for name in (*OF_SUBGROUPS, ECE)}
    metrics |= {
        f"roc_auc of {label}": (_auc_of(label, k), "predict_proba")
        for k, label in enumerate(classes)
    }
    given = (frame["label"].to_numpy(str), frame["predicted"].to_numpy(str), proba)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The BCa interval is not defined")
        whole = report(*given, metrics=metrics, **common).frame
        parts = report(*given, metrics=OF_SUBGROUPS, by=subgroups(frame), **common).frame
        lines = list(_by_grade(frame, n_resamples))
    parts = parts[~parts["by"].isin(["all", "class"])]
    # The bootstrap overestimates the calibration error, so its interval would be wrong.
    whole.loc[whole["metric"] == ECE, ["low", "high"]] = np.nan
    table = pd.concat([whole, parts, pd.DataFrame(lines)], ignore_index=True)
    table["n_patients"] = table.pop("n_recordings") // n_repeats
    return ScoreReport(table.assign(n_recordings=table["n_patients"]), 0.95)


def _auc_of(label, k):
    from sklearn.metrics import roc_auc_score

    return lambda y_true, y_proba: roc_auc_score(y_true == label, y_proba[:, k])


def subgroups(frame):
    """Ordered categories of each patient, NaN where unknown."""
    import pandas as pd

    count = frame["n_recordings"].astype(int)
    count = count.astype(str).where(count < 5, COUNTS[-1])
    by = {title: frame[name].mask(frame[name] == "") for name, title in SUBGROUPS.items()}
    age = by[SUBGROUPS["age"]]
    order = [*AGES, *sorted({*age.dropna()} - {*AGES})]
    by[SUBGROUPS["age"]] = pd.Categorical(age, order)
    by[SUBGROUPS["n_recordings"]] = pd.Categorical(count, COUNTS)
    return by


def _by_grade(frame, n_resamples):
    """Recall of Present by the grade of the systolic murmur."""
    ill = frame[frame["label"] == "Present"]
    for grade in sorted({*ill["systolic_murmur_grading"]}, key=lambda text: (text == "", text)):
        own = ill[ill["systolic_murmur_grading"] == grade]
        found = _mean_with_interval(
            own["predicted"] == "Present", own["subject"], n_resamples, method="bca"
        )
        row = {"by": GRADED, "value": grade or NOT_GRADED, "metric": "recall", **found}
        note = "" if found["n_subjects"] > 1 else "one subject: no interval"
        yield row | {"n_recordings": len(own), "note": note}


def _mean_with_interval(values, subjects, n_resamples, method="percentile"):
    """Mean with its 95% CI by subject; NaN limits for one subject."""
    from skheart.metrics import bootstrap_interval

    values, subjects = values.to_numpy(), subjects.to_numpy(str)
    n_subjects = len(np.unique(subjects))
    score = (values.mean(), np.nan, np.nan)
    if n_subjects > 1:
        score = bootstrap_interval(
            lambda _, found: np.mean(found), np.ones(len(values)), values, groups=subjects,
            n_resamples=n_resamples, method=method, random_state=0,
        )  # fmt: skip
    names = ("score", "low", "high")
    return {**dict(zip(names, map(float, score), strict=True)), "n_subjects": n_subjects}


def score_phases(frame, *, n_resamples=2000):
    """Share of annotated frames whose phase is found, averaged over patients, by subgroup."""
    import pandas as pd

    known = frame[frame["phases_found"].notna()]
    by = {"all": pd.Series("all", known.index), "murmur": known["label"], **subgroups(known)}
    rows = []
    for title, values in by.items():
        values = pd.Series(np.asarray(values), known.index)
        for value in sorted(values.dropna().unique()):
            own = known[values == value]
            found = _mean_with_interval(own["phases_found"], own["subject"], n_resamples)
            row = {"by": title, "value": value, **found, "sure": own["phases_sure"].mean()}
            rows.append(row | {"n_patients": own["patient"].nunique()})
    return pd.DataFrame(rows)


def with_published(report):
    """Return the table of scores with the published scores appended."""
    import pandas as pd

    published = pd.DataFrame({"metric": PUBLISHED.keys(), "score": PUBLISHED.values()})
    published = published.assign(
        by="published", value=PUBLISHED_BY,
        note="another split of the whole data set, with other patients",
    )  # fmt: skip
    table = pd.concat([report.frame, published], ignore_index=True)
    counts = ["n_subjects", "n_patients"]
    return table[COLUMNS].astype(dict.fromkeys(counts, "Int64"))


def reliability(frame, classes):
    """Mean probability and observed frequency of each class in bins, open below, closed above."""
    import pandas as pd

    proba = frame[probability_columns(classes)].to_numpy()
    right = frame["label"].to_numpy(str)[:, np.newaxis] == classes
    best = proba.argmax(axis=1)[:, np.newaxis]
    cases = {"most probable": [np.take_along_axis(a, best, 1)[:, 0] for a in (proba, right)]}
    cases |= {label: [proba[:, k], right[:, k]] for k, label in enumerate(classes)}
    edges = np.arange(1, N_BINS) / N_BINS
    rows = []
    for name, (p, hit) in cases.items():
        number = np.digitize(np.round(p, 12), edges, right=True)
        for k in np.unique(number):
            own = number == k
            ends = {"class": name, "low": k / N_BINS, "high": (k + 1) / N_BINS}
            means = {"probability": p[own].mean(), "share": hit[own].mean()}
            rows.append({**ends, "n": own.sum(), **means})
    return pd.DataFrame(rows)


def error_if_calibrated(frame, classes, *, n_draws=1000):
    """Mean and 95th percentile of the ECE if labels were drawn from these probabilities."""
    from skheart.metrics import expected_calibration_error

    proba = frame[probability_columns(classes)].to_numpy()
    rng = np.random.RandomState(0)
    drawn = (rng.uniform(size=(n_draws, len(proba), 1)) > proba.cumsum(axis=1)).sum(axis=2)
    drawn = classes[drawn.clip(max=len(classes) - 1)]
    errors = [expected_calibration_error(y, proba, labels=classes) for y in drawn]
    return float(np.mean(errors)), float(np.quantile(errors, 0.95))


def draw_reliability(bins, file):
    """Plot a reliability diagram per class; marker areas show the number of predictions."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(bins["class"]))
    figure = Figure((2.9 * len(names), 3.3), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for ax, name in zip(panels, names, strict=True):
        own = bins[bins["class"] == name]
        ax.plot([0, 1], [0, 1], ":", color="0.6", linewidth=1)
        ax.plot(own["probability"], own["share"], color="#0072B2", linewidth=1)
        ax.scatter(own["probability"], own["share"], 4 + 400 * own["n"] / own["n"].sum(),
                   color="#0072B2", alpha=0.6, linewidth=0)  # fmt: skip
        for _, line in own.iterrows():
            ax.annotate(str(line["n"]), (line["probability"], line["share"]), (0, 7),
                        textcoords="offset points", ha="center", fontsize="x-small")  # fmt: skip
        ax.set(title=name, xlim=(0, 1), ylim=(-0.04, 1.08), xlabel="mean probability of a bin")
        ax.grid(color="0.92")
        ax.set_axisbelow(True)
    panels[0].set_ylabel("proportion of patients of that class")
    figure.suptitle("Predictions for held-out patients; numbers: predictions per bin")
    figure.savefig(file, dpi=130)


def draw_scores(report, file):
    """Plot UAR by subgroup, and recall by class and by grade."""
    from matplotlib.figure import Figure

    from skheart.plot import ScoreDisplay

    n_lines = (report.frame["metric"] == "uar").sum()
    figure = Figure((13.5, 1.5 + 0.28 * n_lines), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True)
    for ax, metric in zip(panels, ("uar", "recall"), strict=True):
        ScoreDisplay.from_report(report, metric=metric, ax=ax)
        ax.set_xlim(0, 1.02)
        ax.grid(axis="x", color="0.92")
        ax.set_axisbelow(True)
    panels[0].set_xlabel("UAR (95% CI by subject)")
    panels[1].set_xlabel("recall (95% CI by subject)")
    figure.savefig(file, dpi=130)
