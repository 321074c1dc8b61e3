"""Cells, colours and ticks of maps over time and frequency."""

from __future__ import annotations

from numbers import Real

import numpy as np

__all__ = ["cell_edges", "colour_limit", "fade_middle", "frequency_ticks", "grey_limits"]

_HERTZ = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000)


def cell_edges(centres, n):
    """Return the n + 1 edges of n cells around their centres, or around 0 to n - 1 if None."""
    if centres is None:
        return np.arange(n + 1) - 0.5
    centres = np.asarray(centres, float)
    if n == 1:
        return np.array([0, 2 * centres[0]])
    between = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - between[0]], between, [2 * centres[-1] - between[-1]]])


def frequency_ticks(low, high):
    """Return the round frequencies from `low` to `high` Hz."""
    return [hertz for hertz in _HERTZ if low <= hertz <= high]


def colour_limit(limit, maps):
    """Return the contribution with the strongest colour, and `extend` of the colour bar.

    By default 99.5% of the cells lie within the limit, so that one cell does not pale the others.
    """
    if limit is not None and not (isinstance(limit, Real) and 0 < limit < np.inf):
        raise ValueError(f"limit must be a positive number, or None for automatic. Got {limit!r}.")
    sizes = np.abs(np.concatenate([np.ravel(values) for values in maps]))
    if limit is None:
        limit = np.percentile(sizes, 99.5) or sizes.max() or 1.0
    return float(limit), "both" if sizes.max() > limit else "neither"


def grey_limits(log_mel):
    """Return colour limits of a log-mel that keep it below a middle grey, on which colours show."""
    low, high = np.percentile(log_mel, (2, 99.5))
    return low, high + 0.7 * max(high - low, 1e-6)


def fade_middle(cmap):
    """Return a colour map that is more transparent towards its middle."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    position = np.linspace(-1, 1, 256)
    # The pale middle of the map is left out: over grey it would not show.
    strong = np.sign(position) * (0.4 + 0.6 * np.abs(position))
    colours = mpl.colormaps.get_cmap(cmap)((strong + 1) / 2)
    colours[:, 3] = 0.8 * np.abs(position) ** 0.9
    return ListedColormap(colours)
