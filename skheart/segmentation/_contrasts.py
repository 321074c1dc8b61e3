"""Contrasts of the average heart cycle: differences between its parts."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

__all__ = ["Contrasts", "make_contrasts"]

N_BANDS = 8
LONG_PHASES = ("systole", "diastole")  # also compared by thirds, if they have enough cells
THIRDS = ("early", "middle", "late")


class Contrasts(NamedTuple):
    """Parts of the average cycle and the pairs of them that are compared.

    A part is a place (a phase, or a third of one) in a frequency band. Rows of `places` and `bands`
    are weights of cells and mel bins in the mean over a place and a band. Parts are numbered place
    by place; contrast i is the difference between the parts ``first[i]`` and ``second[i]``.
    """

    places: np.ndarray
    bands: np.ndarray
    parts: list
    first: np.ndarray
    second: np.ndarray

    def compute(self, cycles):
        """Compute the contrasts (..., n_contrasts) of average cycles (..., n_cells, n_mels)."""
        means = self._average_parts(cycles)
        return means[..., self.first] - means[..., self.second]

    def _average_parts(self, cycles):
        means = self.places @ cycles @ self.bands.T
        return means.reshape(*means.shape[:-2], -1)

    def column_names(self):
        """Return the name of each contrast."""
        pairs = zip(self.first, self.second, strict=True)
        return [f"contrast_{self.parts[a]}_less_{self.parts[b]}" for a, b in pairs]

    def distribute(self, contributions, cycle):
        """Distribute contributions (n_contrasts, n_classes) over cells and mel bins.

        Of the two parts of a contrast, each gets a share proportional to its distance from 0, the
        level of the quiet diastole, spread evenly over the part. The sum is kept. `cycle` is the
        average cycle (n_cells, n_mels). Returns (n_cells, n_mels, n_classes).
        """
        distance = np.abs(self._average_parts(cycle))
        both = distance[self.first] + distance[self.second]
        half = np.full(len(both), 0.5)
        share = np.divide(distance[self.first], both, out=half, where=both > 0)
        of_parts = np.zeros((len(self.parts), contributions.shape[1]))
        np.add.at(of_parts, self.first, share[:, None] * contributions)
        np.add.at(of_parts, self.second, (1 - share)[:, None] * contributions)
        of_parts = of_parts.reshape(len(self.places), len(self.bands), -1)
        return np.einsum("pc,bm,pbk->cmk", self.places, self.bands, of_parts, optimize=True)


@lru_cache(maxsize=8)
def make_contrasts(phases, n_cells, n_mels):
    """Make the contrasts of an average cycle with n_cells of each phase and n_mels mel bins.

    Two parts are compared if they have the same place in different bands, or the same band in
    different places.
    """
    cells = _find_places(phases, n_cells)
    places = _averaging_weights(cells.values(), sum(n_cells))
    bands = np.array_split(np.arange(n_mels), min(N_BANDS, n_mels))
    bands = _averaging_weights(bands, n_mels)
    part = np.arange(len(places) * len(bands)).reshape(len(places), len(bands))
    pairs = [pair for row in [*part, *part.T] for pair in combinations(row, 2)]
    first, second = np.array(pairs, int).reshape(-1, 2).T
    names = [f"{place}_band{band}" for place in cells for band in range(len(bands))]
    return Contrasts(places, bands, names, first, second)


def _averaging_weights(subsets, size):
    """Return one row of weights for the mean over each subset of range(size)."""
    weights = np.zeros((len(subsets), size))
    for row, subset in zip(weights, subsets, strict=True):
        row[subset] = 1 / len(subset)
    return weights


def _find_places(phases, n_cells):
    """Return the cells of each phase, and of the thirds of long phases, by name."""
    places, start = {}, 0
    for phase, n in zip(phases, n_cells, strict=True):
        places[phase] = np.arange(start, start + n)
        if phase in LONG_PHASES and n >= len(THIRDS):
            thirds = np.array_split(places[phase], len(THIRDS))
            places |= {f"{name}_{phase}": own for name, own in zip(THIRDS, thirds, strict=True)}
        start += n
    return places
