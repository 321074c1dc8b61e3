"""Input checks that displays share."""

from __future__ import annotations

from sklearn.utils.validation import check_is_fitted

from ..explain import Explanation, explain

__all__ = [
    "as_list",
    "check_ax",
    "check_explanations",
    "check_matplotlib",
    "explain_for",
    "prepare_ax",
    "size_in_points",
]


def check_matplotlib(name):
    """Raise an error that names the extra if matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'{name} needs matplotlib, which is not installed: pip install "skheart[plot]"'
        ) from error


def check_ax(ax):
    """Raise an error if `ax` is not one matplotlib Axes."""
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise TypeError(
            f"ax must be one matplotlib Axes, or None for a new figure. Got {type(ax).__name__}; "
            "pass one of an array of Axes."
        )


def prepare_ax(display, ax, figsize=None):
    """Set `ax_` and `figure_` of a display to `ax` or, if None, to a new figure."""
    check_matplotlib(type(display).__name__)
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    check_ax(ax)
    display.ax_, display.figure_ = ax, ax.figure
    return ax


def size_in_points(ax):
    """Return width and height of an Axes in points."""
    return ax.get_position().size * ax.figure.bbox.size * 72 / ax.figure.dpi


def explain_for(cls, estimator, X, **kwargs):
    """Explain recordings for a display, after checking that it can be drawn."""
    check_matplotlib(cls.__name__)
    check_is_fitted(estimator)
    return explain(estimator, X, **kwargs)


def as_list(explanation):
    """Return one or several explanations as a list."""
    return [explanation] if isinstance(explanation, Explanation) else list(explanation)


def check_explanations(explanations):
    """Return `explanations`, or raise an error if they are not explanations."""
    if not len(explanations):
        raise ValueError("There is no recording to draw: pass at least one explanation.")
    for item in explanations:
        if not isinstance(item, Explanation):
            raise TypeError(
                f"explanations must be results of skheart.explain.explain. Got "
                f"{type(item).__name__}; for recordings use from_estimator."
            )
    return explanations
