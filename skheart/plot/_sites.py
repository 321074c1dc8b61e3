"""Display of scores at sites that a model was or was not trained on."""

from __future__ import annotations

import numpy as np

from ..audit import SiteAudit
from ._checks import prepare_ax

__all__ = ["SiteAuditDisplay"]

# Okabe and Ito's colours; markers tell the scores apart without colour.
_STYLES = {
    "pooled": ("trained with the site", "#0072B2", "o", -0.13),
    "unseen": ("trained without the site", "#D55E00", "s", 0.13),
}


class SiteAuditDisplay:
    """UAR at each site, of models trained with and without the site.

    Parameters
    ----------
    frame : DataFrame
        As in :class:`skheart.audit.SiteAudit`: one row per site, with `site`, `subjects`,
        `pooled`, `unseen` and the ends of their intervals.
    chance : float, default=None
        UAR of guessing the label, drawn as a line.
    site_uar : float, default=None
        UAR of telling the site from the features, shown in the title.
    site_chance : float, default=None
        UAR of guessing the site, shown in the title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the scores.
    figure_ : matplotlib Figure
        Figure of `ax_`.
    containers_ : dict of str to matplotlib ErrorbarContainer
        Scores by name: "pooled", "unseen".

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
        """Draw the result of :func:`skheart.audit.site_audit`.

        Parameters
        ----------
        audit : SiteAudit
            The audit.
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.

        Returns
        -------
        display : SiteAuditDisplay

        Raises
        ------
        TypeError
            If `audit` is not a SiteAudit.
        """
        if not isinstance(audit, SiteAudit):
            raise TypeError(
                f"audit must be a result of skheart.audit.site_audit. Got {type(audit).__name__}."
            )
        return cls(
            audit.frame,
            chance=1 / len(np.unique(audit.pooled.y_true)),
            site_uar=audit.site_told.uar.estimate,
            site_chance=audit.chance,
        ).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the scores. Sites without one keep their line.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.

        Returns
        -------
        self : SiteAuditDisplay
        """
        n_sites = len(self.frame)
        ax = prepare_ax(self, ax, figsize=(6.4, 1.8 + 0.5 * n_sites))
        self.containers_ = {}
        for name, (text, colour, marker, shift) in _STYLES.items():
            score, low, high = (self.frame[f"{name}{end}"] for end in ("", "_low", "_high"))
            style = {"fmt": marker, "color": colour, "capsize": 3, "label": text}
            errors = [score - low, high - score]
            lines = np.arange(n_sites) + shift
            self.containers_[name] = ax.errorbar(score, lines, xerr=errors, **style)
        if self.chance is not None:
            ax.axvline(self.chance, color="0.5", linestyle=":", label="guessing")
        rows = zip(self.frame["site"], self.frame["subjects"], strict=True)
        ax.set_yticks(np.arange(n_sites), [f"{site} ({n} subjects)" for site, n in rows])
        ax.set(xlabel="UAR with 95% CI by subject", xlim=(0, 1), ylim=(n_sites - 0.5, -0.5))
        if self.site_uar is not None:
            chance = "" if self.site_chance is None else f" (chance {self.site_chance:.2f})"
            title = f"Site told from the features: UAR {self.site_uar:.2f}{chance}"
            ax.set_title(title, fontsize="medium")
        # Below the axis, where it covers no score.
        style = {"ncols": 3, "fontsize": "small", "frameon": False}
        below = (0.5, -0.3 if n_sites < 4 else -0.2)
        ax.legend(loc="upper center", bbox_to_anchor=below, **style)
        return self
