"""Checks of what the displays are given."""

from __future__ import annotations

from sklearn.utils.validation import check_is_fitted

from ..explain import Explanation, explain

__all__ = ["check_ax", "check_matplotlib", "checked", "explained", "listed"]


def check_matplotlib(name):
    """Say which extra brings matplotlib, for the display `name`."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'{name} needs matplotlib, which is not installed: pip install "skheart[plot]"'
        ) from error


def check_ax(ax):
    """Refuse what is not one matplotlib Axes."""
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise TypeError(
            f"ax must be one matplotlib Axes, or None for a new figure. Got {type(ax).__name__}; "
            "of an array of Axes, give one."
        )


def explained(cls, estimator, X, **kwargs):
    """Explanations for a display, once it is known that it can be drawn."""
    check_matplotlib(cls.__name__)  # before the work
    check_is_fitted(estimator)
    return explain(estimator, X, **kwargs)


def listed(explanation):
    """One explanation or several, as a list."""
    return [explanation] if isinstance(explanation, Explanation) else list(explanation)


def checked(explanations):
    """The explanations, if that is what they are."""
    if not len(explanations):
        raise ValueError("There is no recording to draw: give at least one explanation.")
    for item in explanations:
        if not isinstance(item, Explanation):
            raise TypeError(
                f"explanations must hold what explain gives. Got {type(item).__name__}; for "
                "recordings take from_estimator."
            )
    return explanations
