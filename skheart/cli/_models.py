"""The models of the command: what the verbs need of one, beyond that it can be loaded."""

from __future__ import annotations

from pathlib import Path

from ..patients import PatientClassifier
from ..pretrained import list_pretrained, load_pretrained
from ..storage import load
from ._parts import fitted_pipelines

__all__ = ["load_model", "name_of", "predicts_patients"]


def load_model(args):
    """The fitted model that `args` name: `--pretrained`, or a file of `skheart train`.

    It is a pipeline with the steps logmel (or cycle) and clf, or a PatientClassifier of such
    pipelines or of votes of them.
    """
    if args.pretrained is not None:
        model = load_pretrained(args.pretrained)
        if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
            raise ValueError(
                f"--pretrained {args.pretrained} is a {type(model).__name__}, which tells no "
                "classes: use it in Python, with skheart.load_pretrained"
            )
        return model
    path = args.model
    if path in list_pretrained() and not Path(path).exists():
        raise ValueError(f"there is no file {path}: for the pre-trained model, --pretrained {path}")
    model = load(path)
    for member in fitted_pipelines(model):
        steps = getattr(member, "named_steps", {})
        if "clf" not in steps or not {"logmel", "cycle"} & {*steps}:
            inside = "" if member is model else f"{type(model).__name__} of a "
            raise ValueError(
                f"{path} holds a {inside}{type(member).__name__}, not a pipeline with the steps "
                "logmel (or cycle) and clf: give the file that skheart train wrote"
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
