"""Scores of the model that comes with skheart, by subgroup, its calibration, and their pictures."""

from __future__ import annotations

import warnings

import numpy as np

from skheart.evaluation import probability_columns

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
N_BINS = 10  # that the error of calibration is of
COLUMNS = ["by", "value", "metric", "score", "low", "high", "n_subjects", "n_patients", "note"]


def score(frame, classes, *, n_resamples=2000):
    """Score the patients of all folds.

    Parameters
    ----------
    frame : DataFrame
        What `_pretrained_runs.read_fold` returns, of every fold and repeat.
    classes : ndarray of str
        Labels of the columns of probabilities.
    n_resamples : int
        Of the intervals.

    Returns
    -------
    report : ScoreReport
        Its frame has one more column, `n_patients`; a patient of several repeats counts once.
    """
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
    # Of other draws it is larger throughout: no interval holds what it estimates.
    whole.loc[whole["metric"] == ECE, ["low", "high"]] = np.nan
    table = pd.concat([whole, parts, pd.DataFrame(lines)], ignore_index=True)
    table["n_patients"] = table.pop("n_recordings") // n_repeats
    return ScoreReport(table.assign(n_recordings=table["n_patients"]), 0.95)


def _auc_of(label, k):
    from sklearn.metrics import roc_auc_score

    return lambda y_true, y_proba: roc_auc_score(y_true == label, y_proba[:, k])


def subgroups(frame):
    """Categories of each patient, in their order; nan where nothing is known."""
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
    from skheart.metrics import bootstrap_interval

    ill = frame[frame["label"] == "Present"]
    for grade in sorted({*ill["systolic_murmur_grading"]}, key=lambda text: (text == "", text)):
        own = ill[ill["systolic_murmur_grading"] == grade]
        hits, subjects = (own["predicted"] == "Present").to_numpy(), own["subject"].to_numpy(str)
        scores = (hits.mean(), np.nan, np.nan)
        if len(np.unique(subjects)) > 1:
            scores = bootstrap_interval(
                lambda _, found: np.mean(found), np.ones(len(own)), hits, groups=subjects,
                n_resamples=n_resamples, method="bca", random_state=0,
            )  # fmt: skip
        counts = {"n_subjects": len(np.unique(subjects)), "n_recordings": len(own)}
        ends = dict(zip(("score", "low", "high"), map(float, scores), strict=True))
        found = {"by": GRADED, "value": grade or NOT_GRADED, "metric": "recall", **ends, **counts}
        yield found | {"note": "" if len(np.unique(subjects)) > 1 else "one subject: no interval"}


def score_phases(frame, *, n_resamples=2000):
    """Share of annotated frames whose phase is found, the mean over patients, by subgroup.

    Returns
    -------
    table : DataFrame
        `by`, `value`, `score`, `low`, `high`, `sure` (mean probability of the likeliest phase),
        `n_patients`, `n_subjects`.
    """
    import pandas as pd

    from skheart.metrics import bootstrap_interval

    known = frame[frame["phases_found"].notna()]
    by = {"all": pd.Series("all", known.index), "murmur": known["label"], **subgroups(known)}
    lines = []
    for title, values in by.items():
        values = pd.Series(np.asarray(values), known.index)
        for value in sorted(values.dropna().unique()):
            own = known[values == value]
            subjects = own["subject"].to_numpy(str)
            shares = own["phases_found"].to_numpy()
            ends = (shares.mean(), np.nan, np.nan)
            if len(np.unique(subjects)) > 1:
                ends = bootstrap_interval(
                    lambda _, found: np.mean(found), np.ones(len(own)), shares, groups=subjects,
                    n_resamples=n_resamples, random_state=0,
                )  # fmt: skip
            line = {"by": title, "value": value}
            line |= dict(zip(("score", "low", "high"), map(float, ends), strict=True))
            line |= {"sure": own["phases_sure"].mean(), "n_subjects": len(np.unique(subjects))}
            lines.append(line | {"n_patients": own["patient"].nunique()})
    return pd.DataFrame(lines)


def published_lines():
    """The rows of the published scores, to stand under ours."""
    note = "another split of the whole data set: not the same patients"
    return [
        {"by": "published", "value": PUBLISHED_BY, "metric": name, "score": value, "note": note}
        for name, value in PUBLISHED.items()
    ]


def with_published(report):
    """The table that is written."""
    import pandas as pd

    table = pd.concat([report.frame, pd.DataFrame(published_lines())], ignore_index=True)
    counts = ["n_subjects", "n_patients"]
    return table[COLUMNS].astype(dict.fromkeys(counts, "Int64"))


def reliability(frame, classes):
    """Probabilities against frequencies, in bins of equal width.

    Returns
    -------
    bins : DataFrame
        For the most probable class and for each class, the bins that hold a prediction:
        `low` (open) and `high` (closed), `n`, mean `probability`, and the `share` of patients of
        that class.
    """
    import pandas as pd

    proba = frame[probability_columns(classes)].to_numpy()
    right = frame["label"].to_numpy(str)[:, np.newaxis] == classes
    best = proba.argmax(axis=1)[:, np.newaxis]
    cases = {"most probable": [np.take_along_axis(a, best, 1)[:, 0] for a in (proba, right)]}
    cases |= {label: [proba[:, k], right[:, k]] for k, label in enumerate(classes)}
    edges = np.arange(1, N_BINS) / N_BINS
    lines = []
    for name, (p, hit) in cases.items():
        number = np.digitize(np.round(p, 12), edges, right=True)
        for k in np.unique(number):
            own = number == k
            ends = {"class": name, "low": k / N_BINS, "high": (k + 1) / N_BINS}
            means = {"probability": p[own].mean(), "share": hit[own].mean()}
            lines.append({**ends, "n": own.sum(), **means})
    return pd.DataFrame(lines)


def error_if_calibrated(frame, classes, *, n_draws=1000):
    """ECE of these probabilities for labels that are drawn from them: mean and 95th percentile."""
    from skheart.metrics import expected_calibration_error

    proba = frame[probability_columns(classes)].to_numpy()
    rng = np.random.RandomState(0)
    drawn = (rng.uniform(size=(n_draws, len(proba), 1)) > proba.cumsum(axis=1)).sum(axis=2)
    drawn = classes[drawn.clip(max=len(classes) - 1)]
    errors = [expected_calibration_error(y, proba, labels=classes) for y in drawn]
    return float(np.mean(errors)), float(np.quantile(errors, 0.95))


def draw_reliability(bins, file):
    """Draw probabilities against frequencies, a panel for each class; areas tell how many."""
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
        ax.set(title=name, xlim=(0, 1), ylim=(-0.04, 1.08), xlabel="probability, mean of a bin")
        ax.grid(color="0.92")
        ax.set_axisbelow(True)
    panels[0].set_ylabel("share of patients of that class")
    figure.suptitle("Predictions for patients not trained on; numbers: how many are in a bin")
    figure.savefig(file, dpi=130)


def draw_scores(report, file):
    """Draw UAR by subgroup beside recall by class and by grade."""
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
    panels[0].set_xlabel("UAR (95 % interval by subject)")
    panels[1].set_xlabel("recall (95 % interval by subject)")
    figure.savefig(file, dpi=130)
