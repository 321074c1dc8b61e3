"""Contrasts of the average heart cycle: the differences of its parts, each a phase and a band."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

__all__ = ["Contrasts", "contrasts_of"]

N_BANDS = 8
CUT = ("systole", "diastole")  # phases that are looked at in thirds too, where they have as many
THIRDS = ("early", "middle", "late")


class Contrasts(NamedTuple):
    """Parts of the average cycle, and which of them are compared.

    A part is a place (a phase or a third of one) in a band; they are numbered place by place.

    Attributes
    ----------
    places : ndarray of shape (n_places, n_cells)
        Share of each cell in the mean over a place.
    bands : ndarray of shape (n_bands, n_mels)
        Share of each mel bin in the mean over a band.
    names : list of str
        Of the parts.
    first, second : ndarray of int of shape (n_contrasts,)
        The parts that a contrast is the difference of.
    """

    places: np.ndarray
    bands: np.ndarray
    names: list
    first: np.ndarray
    second: np.ndarray

    def __call__(self, means):
        """The contrasts of average cycles ``(..., n_cells, n_mels)``."""
        levels = self.levels(means)
        return levels[..., self.first] - levels[..., self.second]

    def levels(self, means):
        """The parts of average cycles ``(..., n_cells, n_mels)``, ``(..., n_parts)``."""
        levels = self.places @ means @ self.bands.T
        return levels.reshape(*levels.shape[:-2], -1)

    def columns(self):
        """The name of each."""
        pairs = zip(self.first, self.second, strict=True)
        return [f"contrast_{self.names[a]}_less_{self.names[b]}" for a, b in pairs]

    def shared(self, contributions, means):
        """What contrasts contributed, shared out to where their two parts are.

        Parameters
        ----------
        contributions : ndarray of shape (n_contrasts, n_classes)
            What each contributed.
        means : ndarray of shape (n_cells, n_mels)
            The average cycle that they are contrasts of: of two parts the one that is further from
            0, the level of the quiet diastole, made more of the difference, and gets as much more.

        Returns
        -------
        ndarray of shape (n_cells, n_mels, n_classes)
            Evenly among the cells and mel bins of a part; the sum is kept.
        """
        far = np.abs(self.levels(means))
        both = far[self.first] + far[self.second]
        share = np.divide(far[self.first], both, out=np.full(len(both), 0.5), where=both > 0)
        of_parts = np.zeros((len(self.names), contributions.shape[1]))
        np.add.at(of_parts, self.first, share[:, None] * contributions)
        np.add.at(of_parts, self.second, (1 - share)[:, None] * contributions)
        of_parts = of_parts.reshape(len(self.places), len(self.bands), -1)
        return np.einsum("pc,bm,pbk->cmk", self.places, self.bands, of_parts, optimize=True)


@lru_cache(maxsize=8)
def contrasts_of(phases, n_cells, n_mels):
    """The contrasts of an average cycle.

    Parts are compared that are alike in place, and differ in band, or the other way round.

    Parameters
    ----------
    phases : tuple of str
        Names of the phases.
    n_cells : tuple of int
        Cells of each.
    n_mels : int
        Mel bins of a cell.

    Returns
    -------
    Contrasts
    """
    found = _places(phases, n_cells)
    places = _means(found.values(), sum(n_cells))
    bands = _means(np.array_split(np.arange(n_mels), min(N_BANDS, n_mels)), n_mels)
    part = np.arange(len(places) * len(bands)).reshape(len(places), len(bands))
    pairs = [pair for row in part for pair in combinations(row, 2)]
    pairs += [pair for column in part.T for pair in combinations(column, 2)]
    first, second = np.array(pairs, int).reshape(-1, 2).T
    names = [f"{place}_band{band}" for place in found for band in range(len(bands))]
    return Contrasts(places, bands, names, first, second)


def _means(rows, size):
    """A row of shares for each set of numbers below size."""
    shares = np.zeros((len(rows), size))
    for own, numbers in zip(shares, rows, strict=True):
        own[numbers] = 1 / len(numbers)
    return shares


def _places(phases, n_cells):
    """Cells of each phase, and of the thirds of long ones, by name."""
    places, start = {}, 0
    for phase, n in zip(phases, n_cells, strict=True):
        cells = np.arange(start, start + n)
        places[phase] = cells
        if phase in CUT and n >= len(THIRDS):
            thirds = np.array_split(cells, len(THIRDS))
            places |= {f"{name}_{phase}": own for name, own in zip(THIRDS, thirds, strict=True)}
        start += n
    return places
