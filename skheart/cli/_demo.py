"""The verb `demo`: small models on generated sounds, with tables and figures."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from .._utils.files import open_atomic
from ._console import tell

__all__ = ["SMALL_MODELS", "demo", "draw_confusion", "draw_roc", "run_demo"]

_COMMON = {"logmel__n_mels": 32, "clf__lr": 3e-3, "clf__max_epochs": 25}
_RNN = {"logmel__hop_length": 256, "clf__units": (32, 32), **_COMMON}
# Far smaller than the models of the paper, to be quick.
SMALL_MODELS = {"cnn": {"clf__channels": (8, 16, 32, 32), **_COMMON}, "lstm": _RNN, "gru": _RNN}

# Colours of Okabe and Ito, and line styles, so that the curves also differ without colour.
STYLES = {"cnn": ("#0072B2", "-"), "lstm": ("#D55E00", "--"), "gru": ("#009E73", "-.")}


def demo(args):
    """Cross-validate small models on generated sounds and write tables and figures."""
    folder = Path(args.output)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: give -o the name of a folder")
    if find_spec("matplotlib") is None:
        raise ImportError("skheart demo needs matplotlib: python -m pip install 'skheart[plot]'")
    from ..evaluation import results_table

    results = run_demo(folder, random_state=args.seed, verbose=int(not args.quiet))
    print("Small models on generated sounds, cross-validated by subject:")
    print(results_table(results))
    tell(args, f"tables and figures are in {folder}")


def run_demo(folder, *, n_subjects=90, duration=6.0, models=None, random_state=0, verbose=0):
    """Cross-validate models on generated heart sounds and write the results.

    Writes `results.csv` (UAR with its interval), `predictions.csv` (out of fold), `confusion.png`
    and `roc.png`.

    Parameters
    ----------
    folder : Path
        Where to write. It is created if it is missing.
    n_subjects : int, default=90
        Number of subjects, with two recordings each.
    duration : float, default=6.0
        Duration of a recording in seconds.
    models : dict of str to dict, default=None
        Parameters of the pipelines "cnn", "lstm" and "gru". None is `SMALL_MODELS`.
    random_state : int, default=0
        Seed of sounds, folds and models.
    verbose : int, default=0
        1 shows progress on standard error.

    Returns
    -------
    results : dict of str to SubjectEvaluation
        The result of each model.
    """
    import pandas as pd

    from ..datasets import make_heart_sounds
    from ..evaluation import evaluate_by_subject
    from ..pipeline import make_heart_pipeline

    folder.mkdir(parents=True, exist_ok=True)
    sounds = make_heart_sounds(
        n_subjects, recordings_per_subject=2, duration=duration, random_state=random_state
    )
    results = {}
    for name, params in (SMALL_MODELS if models is None else models).items():
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
    rows = [
        (name, *result.uar, result.n_subjects, result.n_recordings)
        for name, result in results.items()
    ]
    columns = ["model", "uar", "low", "high", "n_subjects", "n_recordings"]
    predictions = [result.to_frame().assign(model=name) for name, result in results.items()]
    with open_atomic(folder / "results.csv", "w") as file:
        pd.DataFrame(rows, columns=columns).to_csv(file, index=False)
    with open_atomic(folder / "predictions.csv", "w") as file:
        pd.concat(predictions).to_csv(file, index_label="recording")
    for draw, name in ((draw_confusion, "confusion.png"), (draw_roc, "roc.png")):
        with open_atomic(folder / name, "wb") as file:
            draw(results, sounds.target_names).savefig(file, dpi=150, bbox_inches="tight")
    return results


def draw_confusion(results, labels):
    """Draw the confusion matrix of each model, in % of the true class and in recordings."""
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    figure, axes = _panels(len(results))
    for ax, (name, result) in zip(axes, results.items(), strict=True):
        counts = confusion_matrix(result.y_true, result.y_pred, labels=labels)
        proportions = counts / counts.sum(axis=1, keepdims=True).clip(1)
        display = ConfusionMatrixDisplay(proportions, display_labels=labels)
        display.plot(
            ax=ax, cmap="Blues", values_format=".0%", colorbar=False, im_kw={"vmin": 0, "vmax": 1}
        )
        for text, count in zip(display.text_.ravel(), counts.ravel(), strict=True):
            text.set_text(f"{text.get_text()}\n({count})")
        estimate, low, high = result.uar
        ax.set_title(f"{name.upper()}: UAR {estimate:.2f} [{low:.2f}, {high:.2f}]")
        ax.set_ylabel("")
    axes[0].set_ylabel("True label")
    figure.suptitle(
        f"{result.n_recordings} recordings of {result.n_subjects} subjects, cross-validated by "
        "subject; 95% CI by subject",
        fontsize="medium",
    )
    return figure


def draw_roc(results, labels):
    """Draw the ROC curves of each class against the rest, one per model."""
    from sklearn.metrics import roc_auc_score, roc_curve

    figure, axes = _panels(len(labels))
    for ax, label in zip(axes, labels, strict=True):
        ax.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="chance, AUROC 0.50")
        for name, result in results.items():
            colour, style = STYLES[name]
            is_class = result.y_true == label
            score = result.y_proba[:, list(result.classes).index(label)]
            text = f"{name.upper()}, AUROC {roc_auc_score(is_class, score):.2f}"
            false_positives, true_positives, _ = roc_curve(is_class, score)
            ax.plot(false_positives, true_positives, color=colour, linestyle=style, label=text)
        ax.set(title=f"{label} against the rest", xlabel="False positive rate", aspect="equal")
        ax.legend(loc="lower right")
    axes[0].set_ylabel("True positive rate")
    return figure


def _panels(number):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1 + 4 * number, 5), layout="constrained")
    return figure, figure.subplots(1, number, squeeze=False)[0]
