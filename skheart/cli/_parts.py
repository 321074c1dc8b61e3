"""The pipelines inside the models of the command."""

from __future__ import annotations

__all__ = ["fitted_pipelines", "pipelines_in"]


def pipelines_in(model):
    """The pipelines to be fitted, by their names: one of many has a name, one alone "".

    Parameters
    ----------
    model : Pipeline or PatientClassifier
        A PatientClassifier of a pipeline, or of a `VotingClassifier` of pipelines; parts of that
        which were dropped are left out.

    Returns
    -------
    pipelines : dict of str to Pipeline
    """
    inner = getattr(model, "estimator", model)
    if not hasattr(inner, "estimators"):
        return {"": inner}
    return {name: part for name, part in inner.estimators if not isinstance(part, str)}


def fitted_pipelines(model):
    """The fitted ones: all that decide.

    Parameters
    ----------
    model : Pipeline or PatientClassifier
        As for `pipelines_in`.

    Returns
    -------
    pipelines : list of Pipeline
        Or whatever else is in a model that is no such one.
    """
    found = []
    for member in getattr(model, "estimators_", [model]):
        found += member.estimators_ if hasattr(member, "named_estimators_") else [member]
    return found
