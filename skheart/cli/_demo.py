"""The demonstration: three small models on generated sounds, with tables and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

from ..datasets import make_heart_sounds
from ..evaluation import evaluate_by_subject
from ..pipeline import make_heart_pipeline

__all__ = ["SMALL_MODELS", "draw_confusion", "draw_roc", "run_demo"]

_COMMON = {"logmel__n_mels": 32, "clf__lr": 3e-3, "clf__max_epochs": 25}
_RNN = {"logmel__hop_length": 256, "clf__units": (32, 32), **_COMMON}
SMALL_MODELS = {
    "cnn": {"clf__channels": (8, 16, 32, 32), **_COMMON},
    "lstm": _RNN,
    "gru": _RNN,
}
"""Parameters of the demonstration's models: far smaller than the paper's, to be quick."""

# Okabe and Ito's colours, and dashes, so that the curves differ without colour too.
STYLES = {"cnn": ("#0072B2", "-"), "lstm": ("#D55E00", "--"), "gru": ("#009E73", "-.")}


def run_demo(folder, *, n_subjects=90, duration=6.0, models=None, random_state=0, verbose=0):
    """Cross-validate small models on generated heart sounds, and write what comes out.

    Writes `results.csv` (UAR with interval), `predictions.csv` (out of fold), `confusion.png` and
    `roc.png`.

    Parameters
    ----------
    folder : str or Path
        Where to write; made if missing.
    n_subjects : int, default=90
        People to generate, two recordings of each.
    duration : float, default=6.0
        Length of a recording in seconds, at least 2.
    models : dict of str to dict, default=None
        Parameters of the pipeline by model, "cnn", "lstm" or "gru"; None is `SMALL_MODELS`.
    random_state : int, default=0
        Seed of sounds, folds and models.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    results : dict of str to SubjectEvaluation
        By model.

    Raises
    ------
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import os, tempfile
    >>> from skheart.cli._demo import run_demo
    >>> models = {"cnn": {"clf__channels": (4,), "clf__max_epochs": 1}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = run_demo(folder, n_subjects=18, duration=2.0, models=models)
    ...     sorted(os.listdir(folder))
    ['confusion.png', 'predictions.csv', 'results.csv', 'roc.png']
    """
    _check_matplotlib()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sounds = make_heart_sounds(
        n_subjects, recordings_per_subject=2, duration=duration, random_state=random_state
    )
    models = SMALL_MODELS if models is None else models
    results = {}
    for name, params in models.items():
        pipeline = make_heart_pipeline(name, random_state=random_state)
        pipeline.set_params(logmel__sr=sounds.sr, logmel__duration=duration, **params)
        results[name] = evaluate_by_subject(
            pipeline,
            sounds.data,
            sounds.target,
            sounds.groups,
            cv=3,
            random_state=random_state,
            verbose=verbose,
            name=name,
        )
    _table(results).to_csv(folder / "results.csv", index=False)
    pd.concat([result.to_frame().assign(model=name) for name, result in results.items()]).to_csv(
        folder / "predictions.csv", index_label="recording"
    )
    draw_confusion(results, sounds.target_names).savefig(
        folder / "confusion.png", dpi=150, bbox_inches="tight"
    )
    draw_roc(results, sounds.target_names).savefig(folder / "roc.png", dpi=150, bbox_inches="tight")
    return results


def draw_confusion(results, labels=None):
    """Draw a confusion matrix for each model.

    Parameters
    ----------
    results : dict of str to SubjectEvaluation
        By model.
    labels : sequence, default=None
        The classes in the order in which to show them; None sorts them.

    Returns
    -------
    figure : matplotlib.figure.Figure
        One panel per model: the share of each true class, so that the rarest class reads like the
        others, and the number of recordings.

    Examples
    --------
    >>> from skheart.cli._demo import draw_confusion
    >>> from skheart.evaluation import evaluate_predictions
    >>> result = evaluate_predictions([0, 0, 1, 1], [0, 0, 1, 0], random_state=0)
    >>> len(draw_confusion({"cnn": result, "gru": result}).axes)
    2
    """
    first = next(iter(results.values()))
    labels = first.classes if labels is None else labels
    figure, axes = _panels(len(results))
    for ax, (name, result) in zip(axes, results.items(), strict=True):
        counts = confusion_matrix(result.y_true, result.y_pred, labels=labels)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares):
            text = f"{share:.0%}\n({counts[row, column]})"
            colour = "white" if share > 0.6 else "black"
            ax.text(column, row, text, ha="center", va="center", color=colour)
        ax.set_xticks(range(len(labels)), [str(label) for label in labels])
        ax.set_yticks(
            range(len(labels)), [str(label) for label in labels], rotation=90, va="center"
        )
        estimate, low, high = result.uar
        ax.set_title(f"{name.upper()}: UAR {estimate:.2f} [{low:.2f}, {high:.2f}]")
        ax.set_xlabel("Predicted")
    axes[0].set_ylabel("True")
    figure.suptitle(
        f"{first.n_recordings} recordings of {first.n_subjects} subjects, each predicted by a "
        "model that has not heard the subject; 95 % interval by subject",
        fontsize="medium",
    )
    return figure


def draw_roc(results, labels=None):
    """Draw the ROC curves of each class against the others.

    Parameters
    ----------
    results : dict of str to SubjectEvaluation
        By model.
    labels : sequence, default=None
        The classes in the order in which to show them; None sorts them.

    Returns
    -------
    figure : matplotlib.figure.Figure
        One panel per class, one curve per model.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart.cli._demo import draw_roc
    >>> from skheart.evaluation import evaluate_predictions
    >>> y_proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]])
    >>> result = evaluate_predictions([0, 0, 1, 1], [0, 0, 1, 0], y_proba, random_state=0)
    >>> [ax.get_title() for ax in draw_roc({"cnn": result}).axes]
    ['0 against the others', '1 against the others']
    """
    labels = next(iter(results.values())).classes if labels is None else labels
    figure, axes = _panels(len(labels))
    for ax, label in zip(axes, labels, strict=True):
        ax.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":", label="chance, AUC 0.50")
        for name, result in results.items():
            colour, dashes = STYLES[name]
            is_class = result.y_true == label
            score = result.y_proba[:, list(result.classes).index(label)]
            area = roc_auc_score(is_class, score)
            false_positives, true_positives, _ = roc_curve(is_class, score)
            text = f"{name.upper()}, AUC {area:.2f}"
            ax.plot(false_positives, true_positives, color=colour, linestyle=dashes, label=text)
        ax.set(title=f"{label} against the others", xlabel="False positive rate", aspect="equal")
        ax.legend(loc="lower right")
    axes[0].set_ylabel("True positive rate")
    return figure


def _panels(number):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1 + 4 * number, 5), layout="constrained")
    return figure, figure.subplots(1, number, squeeze=False)[0]


def _table(results):
    rows = [
        {
            "model": name,
            "uar": result.uar.estimate,
            "low": result.uar.low,
            "high": result.uar.high,
            "n_subjects": result.n_subjects,
            "n_recordings": result.n_recordings,
        }
        for name, result in results.items()
    ]
    return pd.DataFrame(rows)


def _check_matplotlib():
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "skheart demo draws with matplotlib, which is not installed: "
            "python -m pip install 'skheart[plot]'"
        ) from error
