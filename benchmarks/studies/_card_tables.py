"""Tables of the model cards."""

from __future__ import annotations

import numpy as np

from ._pretrained_scores import ECE, GRADED, OF_SUBGROUPS, PUBLISHED, SUBGROUPS
from ._store import markdown_table

NAMES = {
    "uar": "UAR",
    "circor_weighted_accuracy": "weighted accuracy",
    "roc_auc": "AUROC, macro average",
    ECE: "ECE",
}
# The public part of CirCor 1.0.3, by patient: M. A. Reyna et al., "Heart murmur detection from
# phonocardiogram recordings: The George B. Moody PhysioNet Challenge 2022", PLOS Digital Health
# 2(9), e0000324, 2023; recordings: https://physionet.org/content/circor-heart-sound/1.0.3/
PUBLIC = {"Absent": 695, "Present": 179, "Unknown": 68}
PUBLIC_RECORDINGS = 3163


def number(value):
    return "" if value is None or np.isnan(value) else f"{value:.3f}"


def interval(line):
    """Format a score with its interval, or the reason why there is none."""
    if np.isnan(line["score"]):
        return f"- ({line['note']})"
    ends = "" if np.isnan(line["low"]) else f" [{number(line['low'])}, {number(line['high'])}]"
    return f"{number(line['score'])}{ends}"


def counts(line):
    return [str(line["n_patients"]), str(line["n_subjects"])]


def scores_table(frame, published):
    """Scores of all patients, with published scores of the same data set."""
    rows = []
    for _, line in frame[frame["by"] == "all"].iterrows():
        name = line["metric"]
        text = NAMES.get(name, name.replace("roc_auc of ", "AUROC of "))
        rows.append([text, interval(line), *counts(line)])
        if published:
            rows[-1].append(number(PUBLISHED.get(name)))
    header = ["score", "95% CI by subject", "patients", "subjects"]
    header += ["published, other split"] * published
    return markdown_table(header, rows)


def classes_table(frame):
    """Recall and precision of each class."""
    own = frame[frame["by"] == "class"]
    rows = []
    for label in dict.fromkeys(own["value"]):
        recall, precision = (
            own[(own["value"] == label) & (own["metric"] == name)].iloc[0]
            for name in ("recall", "precision")
        )
        rows.append([label, interval(recall), *counts(recall), interval(precision)])
    return markdown_table(["class", "recall", "patients", "subjects", "precision"], rows)


def subgroups_table(frame):
    """Scores of each subgroup."""
    rows = []
    for by in SUBGROUPS.values():
        own = frame[frame["by"] == by]
        for value in dict.fromkeys(own["value"]):
            lines = own[own["value"] == value].set_index("metric")
            texts = [interval(lines.loc[name]) for name in OF_SUBGROUPS]
            note = lines["note"].iloc[0] if np.isfinite(lines["score"].iloc[0]) else ""
            rows.append([f"{by}: {value}", *texts, *counts(lines.iloc[0]), note])
    header = ["subgroup", *(NAMES[name] for name in OF_SUBGROUPS), "patients", "subjects", "note"]
    return markdown_table(header, rows)


def grades_table(frame):
    """Recall of Present by grade."""
    rows = [
        [line["value"], interval(line), *counts(line)]
        for _, line in frame[frame["by"] == GRADED].iterrows()
    ]
    return markdown_table(["grade", "recall of Present", "patients", "subjects"], rows)


def bins_table(bins):
    """Reliability, one row per non-empty bin."""
    rows = [
        [line["class"], f"({line['low']:.1f}, {line['high']:.1f}]", str(line["n"]),
         number(line["probability"]), number(line["share"])]
        for _, line in bins.iterrows()
    ]  # fmt: skip
    return markdown_table(["class", "bin", "predictions", "mean probability", "proportion"], rows)


def data_table(data):
    """Patients of each class here and in the whole public set."""
    here = data.patients["label"].value_counts()
    n = len(data.patients)
    header, rows = ["", "patients here", "proportion"], []
    published = data.dataset == "circor"
    if published:
        header += ["in the whole public set", "proportion"]
    for label in data.classes:
        row = [label, str(here[label]), f"{here[label] / n:.1%}"]
        if published:
            row += [str(PUBLIC[label]), f"{PUBLIC[label] / sum(PUBLIC.values()):.1%}"]
        rows.append(row)
    return markdown_table(header, rows)
