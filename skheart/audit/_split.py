"""Leakage between the two sides of a split."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_consistent_length

from .._utils.validation import check_groups
from ._shared_audio import check_recordings, find_shared_audio, is_window, path_of

__all__ = ["SplitAudit", "SplitLeakError", "audit_split"]

_COUNTS = ["train", "test", "n_train", "n_test"]
_TEXTS = ["train_subject", "test_subject", "train_path", "test_path"]
_TIMES = ["seconds", "train_start", "train_stop", "test_start", "test_stop"]
_DTYPES = {**dict.fromkeys(_COUNTS, np.intp), **dict.fromkeys(_TIMES, float)}
_TITLES = {
    "row": "{} rows on both sides",
    "subject": "{} subjects on both sides",
    "recording": "{} recordings with windows on both sides",
    "identical": "{} pairs of identical audio",
    "overlap": "{} pairs of overlapping audio",
}
_SHOWN = 3  # findings of each kind that the text names


class SplitLeakError(ValueError):
    """Raised if a split has the same row, subject or audio on both sides.

    Parameters
    ----------
    audit : SplitAudit
        The findings. Their text is the message.

    Examples
    --------
    >>> from skheart.audit import SplitLeakError, audit_split
    >>> try:
    ...     audit_split([0, 1], [2], groups=["anna", "bert", "anna"])
    ... except SplitLeakError as error:
    ...     error.audit.subjects.tolist()
    ['anna']
    """

    def __init__(self, audit):
        super().__init__(audit)
        self.audit = audit


@dataclass(frozen=True, eq=False)
class SplitAudit:
    """What the two sides of a split share.

    Parameters
    ----------
    frame : DataFrame
        One row per finding. `kind` is "row" (one index on both sides), "subject", "recording"
        (windows of one file), "identical" or "overlap" (the same audio). `train` and `test` are
        the first rows concerned, `n_train` and `n_test` their number; `train_subject`,
        `test_subject`, `train_path` and `test_path` are given where known. Shared audio also has
        `seconds` and, in s, `train_start`, `train_stop`, `test_start` and `test_stop`.
    n_train, n_test : int
        Rows on each side.
    checked : tuple of str
        What was compared: "rows", "subjects", "audio".

    Examples
    --------
    >>> from skheart.audit import audit_split
    >>> audit = audit_split([0, 1], [2], groups=["anna", "bert", "carl"])
    >>> audit.clean
    True
    >>> print(audit)
    No leak found between 2 training and 1 test recordings; compared rows and subjects.
    """

    frame: object
    n_train: int
    n_test: int
    checked: tuple

    @property
    def clean(self):
        """Whether nothing was found."""
        return self.frame.empty

    @property
    def subjects(self):
        """The subjects on both sides, sorted."""
        return np.unique(self.frame.loc[self.frame["kind"] == "subject", "train_subject"])

    def __str__(self):
        if self.clean:
            compared = " and ".join(filter(None, [", ".join(self.checked[:-1]), self.checked[-1]]))
            return (
                f"No leak found between {self.n_train} training and {self.n_test} test "
                f"recordings; compared {compared}."
            )
        lines = [
            f"The split of {self.n_train} training and {self.n_test} test recordings leaks, so "
            "its score is too high:"
        ]
        for kind, found in self.frame.groupby("kind", sort=False):
            shown = [_describe(row) for row in found.head(_SHOWN).itertuples()]
            more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            lines.append(f"- {_TITLES[kind].format(len(found))}: {'; '.join(shown)}{more}.")
        return "\n".join([*lines, self._remedy()])

    def _remedy(self):
        remedies = []
        is_audio = self.frame["kind"].isin(["identical", "overlap"])
        if not is_audio.all():
            remedies.append(
                "Split by subject: sklearn.model_selection.StratifiedGroupKFold with groups, or "
                "skheart.evaluation.hold_out_by_subject."
            )
        audio = self.frame[is_audio]
        if (
            audio["train_subject"].isna() | (audio["train_subject"] != audio["test_subject"])
        ).any():
            remedies.append(
                "If recordings of several subjects share audio, leave the copies out, or split by "
                "skheart.audit.merge_groups(groups, find_shared_audio(recordings))."
            )
        return " ".join(remedies)


def _describe(row):
    """Describe a finding in the text of an audit."""
    if row.kind == "row":
        return f"row {row.train}"
    if row.kind in ("subject", "recording"):
        name = row.train_subject if row.kind == "subject" else row.train_path
        return f"{name} ({row.n_train} training, {row.n_test} test)"
    sides = []
    for side in ("train", "test"):
        number, path, subject, start, stop = (
            getattr(row, name)
            for name in (side, f"{side}_path", f"{side}_subject", f"{side}_start", f"{side}_stop")
        )
        text = f"{side} row {number}" + (f" {path}" if path is not None else "")
        text += f" of {subject}" if subject is not None else ""
        sides.append(f"{text} from {start:.1f} to {stop:.1f} s")
    return " = ".join(sides)


def audit_split(
    train,
    test,
    groups=None,
    recordings=None,
    *,
    action="raise",
    sr=4000,
    min_seconds=2.0,
    verbose=0,
):
    """Check a split for rows, subjects and audio that are on both sides.

    Audio is compared by its samples, whatever the file names: see :func:`find_shared_audio`. For
    several folds, search once and audit each fold with the result::

        shared = find_shared_audio(recordings)
        for train, test in folds:
            audit_split(train, test, groups, shared)

    Parameters
    ----------
    train, test : array-like of int, or of bool of shape (n,)
        Rows of the training and of the test recordings.
    groups : array-like of shape (n,), default=None
        Subject of each recording.
    recordings : list or array of n recordings, or DataFrame, default=None
        All n paths, 1-D arrays or windows (path, start, stop) in seconds, of training and test;
        only those in `train` and `test` are read. Windows of one file on both sides are reported
        even if they do not overlap. Or the result of :func:`find_shared_audio` for them.
    action : {"raise", "warn", "return"}, default="raise"
        Response to a leak: raise a :class:`SplitLeakError`, warn, or only return it.
    sr : int, default=4000
        Sampling rate of arrays in Hz. Files have their own.
    min_seconds : float, default=2.0
        Shortest shared audio to report, at least 1 s.
    verbose : int, default=0
        1 shows a progress bar on standard error.

    Returns
    -------
    audit : SplitAudit
        The findings. Their text names the first few.

    Raises
    ------
    SplitLeakError
        If there is a leak and ``action="raise"``. It is a ValueError, and its `audit` is what
        would have been returned.
    ValueError
        If rows are empty or out of range, or if neither groups nor recordings are given.

    Warns
    -----
    UserWarning
        If there is a leak and ``action="warn"``.

    Examples
    --------
    >>> import numpy as np
    >>> from skheart.audit import audit_split
    >>> from skheart.datasets import make_heart_sounds
    >>> sounds = make_heart_sounds(8, recordings_per_subject=1, random_state=0)
    >>> recordings = [*sounds.data, 0.5 * sounds.data[2][2000:]]
    >>> groups = [*sounds.groups, "somebody else"]
    >>> audit = audit_split(range(5), range(5, 9), groups, recordings, action="return")
    >>> audit.frame[["kind", "train", "test"]].values.tolist()
    [['overlap', 2, 8]]
    """
    import pandas as pd

    if action not in ("raise", "warn", "return"):
        raise ValueError(f"action must be 'raise', 'warn' or 'return'. Got {action!r}.")
    if groups is None and recordings is None:
        raise ValueError("Pass groups, recordings or both: without them only rows can be compared.")
    groups = None if groups is None else check_groups(groups)
    is_result = isinstance(recordings, pd.DataFrame) and {"first", "second"} <= set(recordings)
    shared = recordings if is_result else None
    recordings = None if recordings is shared else check_recordings(recordings)
    check_consistent_length(groups, recordings)
    n_rows = next((len(known) for known in (groups, recordings) if known is not None), None)
    train, test = _check_rows(train, n_rows, "train"), _check_rows(test, n_rows, "test")

    checked = ["rows"]
    findings = [{"kind": "row", "train": row, "test": row} for row in np.intersect1d(train, test)]
    if groups is not None:
        checked.append("subjects")
        findings += _find_common("subject", groups, train, test)
    if recordings is not None:
        findings += _find_common_files(recordings, train, test)
        rows = np.union1d(train, test)
        shared = find_shared_audio(
            [recordings[row] for row in rows], sr=sr, min_seconds=min_seconds, verbose=verbose
        )
        shared[["first", "second"]] = rows[shared[["first", "second"]].to_numpy()]
    if shared is not None:
        checked.append("audio")
        findings += _find_common_audio(shared, train, test)
    audit = SplitAudit(_as_frame(findings, groups), len(train), len(test), tuple(checked))
    if not audit.clean and action == "raise":
        raise SplitLeakError(audit)
    if not audit.clean and action == "warn":
        warnings.warn(str(audit), UserWarning, stacklevel=2)
    return audit


def _as_frame(findings, groups):
    """Return the findings as a table, with the subjects of the rows."""
    import pandas as pd

    frame = pd.DataFrame(findings, columns=["kind", *_COUNTS, *_TEXTS, *_TIMES])
    frame = frame.fillna({"n_train": 1, "n_test": 1}).astype(
        {**dict.fromkeys(frame, object), **_DTYPES}
    )
    if groups is not None:
        for side in ("train", "test"):
            frame[f"{side}_subject"] = pd.Series(groups[frame[side]].tolist(), dtype=object)
    frame[_TEXTS] = frame[_TEXTS].where(frame[_TEXTS].notna(), None)
    return frame


def _check_rows(rows, n_rows, name):
    """Return row numbers or a mask as sorted, unique row numbers."""
    rows = np.asarray(rows if hasattr(rows, "__len__") else list(rows))
    if rows.dtype == bool and rows.ndim == 1:
        if n_rows is not None and len(rows) != n_rows:
            raise ValueError(f"{name} is a mask of {len(rows)} rows, but there are {n_rows}.")
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or not rows.size or rows.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be a mask, or a list of at least one row number. Got an array of shape "
            f"{rows.shape} and dtype {rows.dtype}. Audit several folds one by one."
        )
    if rows.min() < 0 or (n_rows is not None and rows.max() >= n_rows):
        there = "" if n_rows is None else f", but there are rows 0 to {n_rows - 1}"
        raise ValueError(f"{name} holds rows {rows.min()} to {rows.max()}{there}.")
    return np.unique(rows)


def _find_common(kind, names, train, test):
    """Yield a finding for each name on both sides."""
    for name in np.intersect1d(names[train], names[test]):
        finding = {"kind": kind}
        for side, rows in (("train", train), ("test", test)):
            rows = rows[names[rows] == name]
            finding |= {side: rows[0], f"n_{side}": len(rows)}
        yield finding


def _find_common_files(recordings, train, test):
    """Yield a finding for each file with windows on both sides."""
    if is_window(recordings[0]):
        paths = np.array([path_of(item) for item in recordings])
        for finding in _find_common("recording", paths, train, test):
            path = paths[finding["train"]]
            yield {**finding, "train_path": path, "test_path": path}


def _find_common_audio(shared, train, test):
    """Return a finding for each stretch of audio that a training and a test recording share."""
    import pandas as pd

    shared = shared.reset_index(drop=True)
    parts = []
    for one, other in (("first", "second"), ("second", "first")):
        names = {
            f"{old}{part}": f"{new}{part}"
            for old, new in ((one, "train"), (other, "test"))
            for part in ("", "_start", "_stop", "_path")
        }
        across = shared[one].isin(train) & shared[other].isin(test)
        parts.append(shared[across].rename(columns=names))
    return pd.concat(parts).sort_index(kind="stable").to_dict("records")
