"""The models of the command: what the verbs need of one, beyond that it can be loaded."""

from __future__ import annotations

from pathlib import Path

from .patients import PatientClassifier
from .pretrained import list_pretrained, load_pretrained
from .storage import load

__all__ = ["load_model", "name_of", "predicts_patients"]


def load_model(args):
    """The fitted model that `args` name: `--pretrained`, or a file of `skheart train`.

    It is a pipeline with the steps logmel and clf, or a PatientClassifier of such pipelines.
    """
    if args.pretrained is not None:
        return load_pretrained(args.pretrained)
    path = args.model
    if path in list_pretrained() and not Path(path).exists():
        raise ValueError(f"there is no file {path}: for the pre-trained model, --pretrained {path}")
    model = load(path)
    for member in getattr(model, "estimators_", [model]):
        steps = getattr(member, "named_steps", {})
        if "logmel" not in steps or "clf" not in steps:
            inside = "" if member is model else f"{type(model).__name__} of a "
            raise ValueError(
                f"{path} holds a {inside}{type(member).__name__}, not a pipeline with the steps "
                "logmel and clf: give the file that skheart train wrote"
            )
        if not hasattr(member, "predict_proba"):
            raise ValueError(
                f"{path} holds a pipeline without predict_proba: train it with skheart"
            )
    return model


def name_of(args):
    """What tables call the model."""
    return args.pretrained or Path(args.model).name


def predicts_patients(model):
    """Whether the model puts the recordings of a patient together."""
    return isinstance(model, PatientClassifier)
