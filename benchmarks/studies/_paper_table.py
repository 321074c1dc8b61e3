"""Table and figure of the paper's ablation."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ._paper_runs import ATTENTION, MODELS, TRAINING_SETS, epochs_of
from ._paper_scores import FUSION, PUBLISHED
from ._store import markdown_table

NAMES = {"cnn": "CNN", "lstm": "LSTM", "gru": "GRU", FUSION: "fusion"}
DATASETS = {
    "circor": "CirCor DigiScope (murmur)",
    "hss": "HSS",
    "physionet2016": "PhysioNet/CinC 2016",
    "generated": "generated heart sounds",
}
PARTLY = "subjects partly unknown"
TOO_NARROW = ", each recording without a known subject counted as one, so they are too narrow"
PATIENTS = (
    "Each recording has the label of its patient, whether or not the murmur is audible at its "
    "site; scores count recordings, not patients. "
)
SCORES = {"uar": "UAR", "auc": "ROC AUC"}
COLOURS = {"original": "#0072B2", "upsampled": "#D55E00"}


def counted(sounds, rows):
    """Describe the number of recordings and subjects."""
    text = f"{len(rows)} recordings"
    if sounds.subjects:
        return f"{text} of {len(np.unique(sounds.groups[rows]))} subjects"
    return f"{text} (subjects not published)" if sounds.dataset == "hss" else f"{text} ({PARTLY})"


def _cell(line, score):
    return f"{line[score]:.3f} [{line[f'{score}_low']:.3f}, {line[f'{score}_high']:.3f}]"


def markdown(sounds, table, differences, *, duration, epochs, equal_epochs, compact):
    """Format table.md."""
    y = sounds.target[sounds.folds[0][0]]
    sizes = [epochs_of(training, y, epochs, equal_epochs) for training in TRAINING_SETS]
    training = " and ".join(
        f"{training} ({size} recordings, {n} epoch{'s' * (n != 1)})"
        for training, (n, size) in zip(TRAINING_SETS, sizes, strict=True)
    )
    n_folds = len(sounds.folds)
    trained = "Trained on" if n_folds == 1 else f"{n_folds} folds by subject, the first trained on"
    labels, n_each = np.unique(sounds.target[sounds.scored], return_counts=True)
    classes = ", ".join(f"{label} {n}" for label, n in zip(labels, n_each, strict=True))
    lines = [
        f"# The paper's ablation on {DATASETS[sounds.dataset]}",
        f"{trained} {counted(sounds, sounds.folds[0][0])}, {training}; scored on "
        f"{counted(sounds, sounds.scored)} of held-out subjects ({classes}). "
        f"{PATIENTS if sounds.dataset == 'circor' else ''}"
        f"{duration:g} s of each; {'compact networks' if compact else 'networks of the paper'}. "
        "UAR and ROC AUC (one-vs-rest, macro average) with 95% CIs by bootstrap over subjects"
        f"{'' if sounds.subjects else TOO_NARROW}. The intervals describe the variation between "
        "subjects, not between training runs: each score comes from one training. Fusion: mean of "
        "the probabilities of CNN, LSTM and GRU with the same head and training set; the most "
        "probable class is predicted.",
    ]
    for name in dict.fromkeys(table["part"]):
        part = table[table["part"] == name]
        lines += [f"## {name}: {counted(sounds, _rows(sounds, name))}", _scores(sounds, name, part)]
        if len(differences):
            lines += _differences(differences[differences["part"] == name])
    if sounds.dataset == "hss":
        if "test" not in set(table["part"]):
            lines.append("The labels of the test partition are withheld, so it is not scored here.")
        lines.append(
            "Published: Ren et al. 2022, on the test partition, best result per model, and the "
            "challenge's fusion. The other models were trained on the train partition only."
        )
    return "\n\n".join(lines) + "\n"


def _differences(lines):
    """Return an explanation of the paired differences and the table of their means."""
    lines = lines[lines["where"] != "pair"]
    header = ["difference, same subjects", "models", "UAR", "p (UAR)", "ROC AUC"]
    cells = [
        [d["difference"], NAMES.get(d["where"], d["where"]), _cell(d, "uar"), f"{d['uar_p']:.3g}",
         _cell(d, "auc")]
        for _, d in lines.iterrows()
    ]  # fmt: skip
    explanation = (
        "Mean differences of the scores on the same subjects, with paired 95% CIs. p comes from "
        "swapping whole subjects between the two sides; with few subjects in a class it stays "
        f"large. Without any true difference, about {0.05 * len(cells):.1f} of these {len(cells)} "
        "would have p < 0.05. The same applies to the single pairs in differences.csv."
    )
    return [explanation, markdown_table(header, cells)]


def _scores(sounds, name, part):
    """Format the scores of one part, one row per model and head."""
    columns = [(score, training) for score in SCORES for training in TRAINING_SETS]
    header = ["model", "head", *(f"{SCORES[score]}, {training}" for score, training in columns)]
    published = PUBLISHED if sounds.dataset == "hss" else {}
    found = {(d["model"], d["head"], d["training"]): d for _, d in part.iterrows()}
    cells = []
    for model, head in dict.fromkeys([cell[:2] for cell in found]):
        own = [(found.get((model, head, training)), score) for score, training in columns]
        cells.append([NAMES[model], head, *("" if d is None else _cell(d, s) for d, s in own)])
    if published:
        header.append("UAR on test, published")
        for line, key in zip(cells, dict.fromkeys([cell[:2] for cell in found]), strict=True):
            line.append(f"{published[key]:.3f}" if key in published else "")
        cells += [
            [NAMES[model], f"{head} (published)", *[""] * len(columns), f"{value:.3f}"]
            for (model, head), value in published.items()
            if (model, head) not in [cell[:2] for cell in found]
        ]
    return markdown_table(header, cells)


def draw(sounds, table, file):
    """Plot the intervals, one row per model and head, one colour per training set.

    One part gets panels for UAR and ROC AUC; several parts get a UAR panel each.
    """
    from matplotlib.figure import Figure

    parts = list(dict.fromkeys(table["part"]))
    panels = [(part, "uar") for part in parts] + [(parts[0], "auc")] * (len(parts) == 1)
    cells = list(dict.fromkeys(zip(table["model"], table["head"], strict=True)))
    order = [*MODELS, FUSION]
    places = [i + 0.7 * order.index(model) for i, (model, _) in enumerate(cells)]
    figure = Figure((4 + 3.2 * len(panels), 2.1 + 0.27 * (places[-1] + 1)), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, sharex=len(parts) > 1, squeeze=False)[0]
    for ax, (name, score) in zip(axes, panels, strict=True):
        part, rows = table[table["part"] == name], _rows(sounds, name)
        for training, shift in zip(TRAINING_SETS, (-0.16, 0.16), strict=True):
            own = part[part["training"] == training]
            at = {cell: place + shift for cell, place in zip(cells, places, strict=True)}
            heights = [at[cell] for cell in zip(own["model"], own["head"], strict=True)]
            ends = own[[score, f"{score}_low", f"{score}_high"]].to_numpy().T
            # In a small part the estimate may lie outside the percentile interval.
            reach = np.maximum([ends[0] - ends[1], ends[2] - ends[0]], 0)
            ax.errorbar(
                ends[0], heights, xerr=reach, fmt="o", markersize=4, linewidth=1.2,
                color=COLOURS[training], label=f"{training} training set",
            )  # fmt: skip
        chance = 0.5 if score == "auc" else 1 / len(np.unique(sounds.target[rows]))
        ax.axvline(chance, color="0.6", linestyle=":", linewidth=1, zorder=0)
        ax.annotate("chance", (chance, 0), (2, 3), ("data", "axes fraction"), "offset points",
                    fontsize="x-small", color="0.4")  # fmt: skip
        count = counted(sounds, rows).replace(" of ", "\nof ")
        ax.set_title(f"{name}: {count}", fontsize="small")
        ax.set_xlabel(f"{SCORES[score]}, 95% CI by subject")
        ax.grid(axis="x", color="0.9")
        ax.set_axisbelow(True)
    for before, place in pairwise(places):
        for ax in axes if place - before > 1 else ():
            ax.axhline((place + before) / 2, color="0.8", linewidth=0.8)
    axes[0].set_yticks(places, [f"{NAMES[m]}, {_head_words(m, h)}" for m, h in cells])
    axes[0].set_ylim(places[-1] + 0.7, -0.7)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(f"The paper's ablation on {DATASETS[sounds.dataset]}")
    figure.savefig(file, dpi=130)


def _rows(sounds, name):
    return sounds.scored[sounds.parts[sounds.scored] == name]


def _head_words(model, head):
    return f"{head} attention" if head in ATTENTION else head
