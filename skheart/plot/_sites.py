"""Scores by site."""

from __future__ import annotations

import numpy as np

from ..audit import SiteAudit
from ._check import check_ax, check_matplotlib

__all__ = ["SiteAuditDisplay"]

# Okabe and Ito's colours; the markers differ too.
_STYLES = {
    "pooled": ("site in the training", "#0072B2", "o", -0.13),
    "unseen": ("site not in the training", "#D55E00", "s", 0.13),
}


class SiteAuditDisplay:
    """The UAR at each site, of models that knew the site and of models that did not.

    Parameters
    ----------
    frame : DataFrame
        As in :class:`skheart.audit.SiteAudit`: a row per site, with `site`, `subjects`, and
        `pooled`, `unseen` and the ends of their intervals.
    chance : float, default=None
        UAR of guessing the label, drawn as a line; None draws none.
    site_uar : float, default=None
        UAR of telling the site from the features, for the title.
    site_chance : float, default=None
        UAR of guessing the site, for the title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the scores.
    figure_ : matplotlib Figure
        Holds `ax_`.
    containers_ : dict of str to matplotlib ErrorbarContainer
        By name: "pooled", "unseen".

    Examples
    --------
    >>> import pandas as pd
    >>> from skheart.plot import SiteAuditDisplay
    >>> frame = pd.DataFrame({
    ...     "site": ["rig 1", "rig 2"], "subjects": [40, 50],
    ...     "pooled": [0.8, 0.7], "pooled_low": [0.7, 0.6], "pooled_high": [0.9, 0.8],
    ...     "unseen": [0.6, 0.5], "unseen_low": [0.5, 0.4], "unseen_high": [0.7, 0.6]})
    >>> display = SiteAuditDisplay(frame, chance=0.5).plot()
    >>> [text.get_text() for text in display.ax_.get_yticklabels()]
    ['rig 1 (40 subjects)', 'rig 2 (50 subjects)']
    """

    def __init__(self, frame, *, chance=None, site_uar=None, site_chance=None):
        self.frame = frame
        self.chance = chance
        self.site_uar = site_uar
        self.site_chance = site_chance

    @classmethod
    def from_audit(cls, audit, *, ax=None):
        """Draw what :func:`skheart.audit.site_audit` found.

        Parameters
        ----------
        audit : SiteAudit
            The audit.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SiteAuditDisplay

        Raises
        ------
        ImportError
            If matplotlib is missing.
        TypeError
            If `audit` is not a SiteAudit, or `ax` no Axes.
        """
        if not isinstance(audit, SiteAudit):
            raise TypeError(
                f"audit must be what skheart.audit.site_audit returns. Got {type(audit).__name__}."
            )
        return cls(
            audit.frame,
            chance=1 / len(np.unique(audit.pooled.y_true)),
            site_uar=audit.site_told.uar.estimate,
            site_chance=audit.chance,
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the scores; sites without one keep their line.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SiteAuditDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        check_matplotlib(type(self).__name__)
        import matplotlib.pyplot as plt

        if ax is None:
            size = 6.4, 1.8 + 0.5 * len(self.frame)
            _, ax = plt.subplots(figsize=size, layout="constrained")
        check_ax(ax)
        self.ax_, self.figure_, self.containers_ = ax, ax.figure, {}
        for name, (text, colour, marker, shift) in _STYLES.items():
            score, low, high = (self.frame[f"{name}{end}"] for end in ("", "_low", "_high"))
            self.containers_[name] = ax.errorbar(
                score,
                np.arange(len(self.frame)) + shift,
                xerr=[score - low, high - score],
                fmt=marker,
                color=colour,
                capsize=3,
                label=text,
            )
        if self.chance is not None:
            ax.axvline(self.chance, color="0.5", linestyle=":", label="guessing")
        rows = zip(self.frame["site"], self.frame["subjects"], strict=True)
        labels = [f"{site} ({n} subjects)" for site, n in rows]
        ax.set_yticks(np.arange(len(labels)), labels)
        ax.set(xlabel="UAR, 95 % interval by subject", xlim=(0, 1), ylim=(len(labels) - 0.5, -0.5))
        self._title()
        # Below the axis, since scores may be anywhere inside.
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3 if len(labels) < 4 else -0.2),
                  ncols=3, fontsize="small", frameon=False)  # fmt: skip
        return self

    def _title(self):
        if self.site_uar is not None:
            guessed = "" if self.site_chance is None else f" (chance {self.site_chance:.2f})"
            self.ax_.set_title(
                f"Site told from the features: UAR {self.site_uar:.2f}{guessed}", fontsize="medium"
            )
