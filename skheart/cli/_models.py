"""Model files of the command."""

from __future__ import annotations

from pathlib import Path

__all__ = ["check_model", "load_model", "model_name", "predicts_patients"]


def check_model(args):
    """Raise if there is no such model, before anything slow is imported."""
    from ..pretrained import check_name, list_pretrained

    if args.pretrained is not None:
        check_name(args.pretrained)
    elif not Path(args.model).exists():
        hint = ""
        if args.model in list_pretrained():
            hint = f", or --pretrained {args.model} for the pretrained model"
        raise ValueError(
            f"there is no model {args.model}: give a file that skheart train wrote{hint}"
        )


def load_model(args):
    """Load the classifier that `args` name."""
    from ..pretrained import load_pretrained
    from ..storage import load

    name = f"--pretrained {args.pretrained}" if args.pretrained else args.model
    model = load_pretrained(args.pretrained) if args.pretrained else load(args.model)
    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise ValueError(
            f"{name} is a {type(model).__name__}, which does not predict classes of recordings. "
            "Load it in Python, or give a file that skheart train wrote"
        )
    return model


def model_name(args):
    """Return the name of the model in tables."""
    return args.pretrained or Path(args.model).name


def predicts_patients(model):
    """Return whether the model predicts patients, not single recordings."""
    return hasattr(model, "predict_patients")
