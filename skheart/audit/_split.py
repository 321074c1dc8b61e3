"""Whether a split keeps apart what belongs together."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from .._utils.validation import check_groups
from ._shared_audio import as_recordings, find_shared_audio, is_window, name_of

__all__ = ["SplitAudit", "SplitLeakError", "audit_split"]

_COLUMNS = {
    "kind": object, "train": np.intp, "test": np.intp, "n_train": np.intp, "n_test": np.intp,
    "train_subject": object, "test_subject": object, "train_path": object, "test_path": object,
    "seconds": float, "train_start": float, "train_stop": float, "test_start": float,
    "test_stop": float,
}  # fmt: skip
_SHOWN = 3  # findings of each kind that the text names


class SplitLeakError(ValueError):
    """A split has the same row, subject or audio on both sides.

    Parameters
    ----------
    audit : SplitAudit
        What was found; its text is the message.

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
    """What a split has on both sides.

    Parameters
    ----------
    frame : DataFrame
        A row for each finding. `kind` is "row" (one index on both sides), "subject",
        "recording" (windows of one file), "identical" or "overlap" (the same audio). `train` and
        `test` are the first rows concerned, `n_train` and `n_test` how many there are;
        `train_subject`, `test_subject`, `train_path` and `test_path` where they are known. Of
        audio also `seconds`, and from when to when in each (`train_start`, `train_stop`,
        `test_start`, `test_stop`, in s).
    n_train, n_test : int
        Rows on each side.
    checked : tuple of str
        What was looked at: "rows", "subjects", "audio".

    Examples
    --------
    >>> from skheart.audit import audit_split
    >>> audit = audit_split([0, 1], [2], groups=["anna", "bert", "carl"])
    >>> audit.clean
    True
    >>> print(audit)
    No leak found between 2 training and 1 test recordings; looked at rows and subjects.
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
            *most, last = self.checked
            looked = f"{', '.join(most)} and {last}" if most else last
            return (
                f"No leak found between {self.n_train} training and {self.n_test} test "
                f"recordings; looked at {looked}."
            )
        lines = [
            f"The split of {self.n_train} training and {self.n_test} test recordings leaks, so "
            "that a score on it is too good:"
        ]
        for kind, found in self.frame.groupby("kind", sort=False):
            shown = [_sentence(row) for row in found.head(_SHOWN).itertuples()]
            more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            lines.append(f"- {_TITLES[kind].format(len(found))}: {'; '.join(shown)}{more}.")
        return "\n".join([*lines, self._remedy()])

    def _remedy(self):
        kinds = set(self.frame["kind"])
        remedies = []
        if kinds & {"subject", "recording", "row"}:
            remedies.append(
                "Split by subject: sklearn.model_selection.StratifiedGroupKFold with groups, or "
                "skheart.evaluation.hold_out_by_subject."
            )
        audio = self.frame[self.frame["kind"].isin(["identical", "overlap"])]
        if (
            audio["train_subject"].isna() | (audio["train_subject"] != audio["test_subject"])
        ).any():
            remedies.append(
                "For audio that recordings of several subjects share, leave the copies out, or "
                "split by skheart.audit.merge_groups(groups, find_shared_audio(recordings))."
            )
        return " ".join(remedies)


_TITLES = {
    "row": "{} rows on both sides",
    "subject": "{} subjects on both sides",
    "recording": "{} recordings with windows on both sides",
    "identical": "{} pairs of identical audio",
    "overlap": "{} pairs of overlapping audio",
}


def _sentence(row):
    if row.kind == "row":
        return f"row {row.train}"
    if row.kind == "subject":
        return f"{row.train_subject} ({row.n_train} training, {row.n_test} test)"
    if row.kind == "recording":
        return f"{row.train_path} ({row.n_train} training, {row.n_test} test)"
    sides = []
    for side in ("train", "test"):
        name, subject = getattr(row, f"{side}_path"), getattr(row, f"{side}_subject")
        text = f"{side} row {getattr(row, side)}" + (f" {name}" if name is not None else "")
        text += f" of {subject}" if subject is not None else ""
        start, stop = getattr(row, f"{side}_start"), getattr(row, f"{side}_stop")
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
    """Look for what is on both sides of a split: rows, subjects, and audio.

    Audio is compared by its samples, whatever the recordings are called: see
    :func:`find_shared_audio`. For several folds search once, and audit each with what was found::

        shared = find_shared_audio(recordings)
        for train, test in folds:
            audit_split(train, test, groups, shared)

    Parameters
    ----------
    train, test : array-like of int, or of bool of shape (n,)
        Rows of the training and of the test recordings.
    groups : array-like of shape (n,), default=None
        The subject of each recording.
    recordings : list or array of n recordings, or DataFrame, default=None
        All n paths, 1-D arrays or windows (path, start, stop) in seconds, training and test; only
        those of `train` and `test` are read. Windows of one file on both sides are told even
        where they do not overlap. Or what :func:`find_shared_audio` found in them.
    action : {"raise", "warn", "return"}, default="raise"
        What to do with a leak: raise a :class:`SplitLeakError`, warn, or only return it.
    sr : int, default=4000
        Rate of arrays in Hz. Files say their own.
    min_seconds : float, default=2.0
        Shortest shared audio to tell, at least 1 s.
    verbose : int, default=0
        1 shows progress by recording on standard error.

    Returns
    -------
    audit : SplitAudit
        What was found. Its text names the first few.

    Raises
    ------
    SplitLeakError
        Something is on both sides, and ``action="raise"``. It is a ValueError, and its `audit`
        is what would have been returned.
    ValueError
        Rows are empty or out of range, or neither groups nor recordings are given.

    Warns
    -----
    UserWarning
        Something is on both sides, and ``action="warn"``.

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
        raise ValueError(f"action must be 'raise', 'warn' or 'return', got {action!r}.")
    if groups is None and recordings is None:
        raise ValueError("Pass groups, recordings or both: without them only rows can be compared.")
    groups = None if groups is None else check_groups(groups)
    found = isinstance(recordings, pd.DataFrame) and {"first", "second"} <= set(recordings)
    items = None if recordings is None or found else as_recordings(recordings)
    n_rows = _n_rows(groups, items)
    train, test = (_rows(rows, n_rows, name) for rows, name in ((train, "train"), (test, "test")))

    findings = [{"kind": "row", "train": row, "test": row} for row in np.intersect1d(train, test)]
    if groups is not None:
        findings += _on_both_sides("subject", groups, train, test)
    if items is not None:
        findings += _windows_on_both_sides(items, train, test)
        rows = np.union1d(train, test)
        shared = find_shared_audio(
            [items[row] for row in rows], sr=sr, min_seconds=min_seconds, verbose=verbose
        )
        shared[["first", "second"]] = rows[shared[["first", "second"]].to_numpy()]
        findings += _shared_across(shared, train, test)
    elif found:
        findings += _shared_across(recordings, train, test)
    looked = ("rows", "subjects", "audio")
    given = (True, groups is not None, recordings is not None)
    checked = tuple(name for name, there in zip(looked, given, strict=True) if there)
    audit = SplitAudit(_tabled(findings, groups), len(train), len(test), checked)
    if not audit.clean and action == "raise":
        raise SplitLeakError(audit)
    if not audit.clean and action == "warn":
        warnings.warn(str(audit), UserWarning, stacklevel=2)
    return audit


def _tabled(findings, groups):
    """The findings as a table, with the subjects of the rows."""
    import pandas as pd

    for finding in findings if groups is not None else ():
        for side in ("train", "test"):
            finding[f"{side}_subject"] = groups[finding[side]].item()
    frame = pd.DataFrame(findings, columns=list(_COLUMNS))
    frame[["n_train", "n_test"]] = frame[["n_train", "n_test"]].fillna(1)
    frame = frame.astype(_COLUMNS)
    texts = [name for name, kind in _COLUMNS.items() if kind is object]
    frame[texts] = frame[texts].where(frame[texts].notna(), None)
    return frame


def _n_rows(groups, items):
    """Number of recordings that there are, or None where nothing says so."""
    if groups is not None and items is not None and len(groups) != len(items):
        raise ValueError(
            f"groups has {len(groups)} values and recordings {len(items)}: pass one of each per "
            "recording, for training and test together."
        )
    known = groups if groups is not None else items
    return None if known is None else len(known)


def _rows(rows, n_rows, name):
    """Rows as sorted integers, each once."""
    rows = np.asarray(rows if hasattr(rows, "__len__") else list(rows))
    if rows.dtype == bool and rows.ndim == 1:
        if n_rows is not None and len(rows) != n_rows:
            raise ValueError(f"{name} is a mask of {len(rows)} rows, and there are {n_rows}.")
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or not rows.size or rows.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be a list of row numbers, at least one, or a mask; got an array of "
            f"shape {rows.shape} and dtype {rows.dtype}. For several folds audit each in a loop."
        )
    if rows.min() < 0 or (n_rows is not None and rows.max() >= n_rows):
        there = "" if n_rows is None else f", and there are rows 0 to {n_rows - 1}"
        raise ValueError(f"{name} holds rows {rows.min()} to {rows.max()}{there}.")
    return np.unique(rows)


def _on_both_sides(kind, names, train, test):
    """A finding for each name that rows of both sides have."""
    for name in np.intersect1d(names[train], names[test]):
        sides = {
            side: rows[names[rows] == name] for side, rows in (("train", train), ("test", test))
        }
        yield {
            "kind": kind,
            **{side: rows[0] for side, rows in sides.items()},
            **{f"n_{side}": len(rows) for side, rows in sides.items()},
        }


def _windows_on_both_sides(items, train, test):
    """A finding for each file of which both sides have windows."""
    if not is_window(items[0]):
        return
    paths = np.array([name_of(item) for item in items])
    for finding in _on_both_sides("recording", paths, train, test):
        path = paths[finding["train"]]
        yield {**finding, "train_path": path, "test_path": path}


def _shared_across(shared, train, test):
    """A finding for each stretch of audio that a training and a test recording share."""
    for row in shared.itertuples():
        for one, other in (("first", "second"), ("second", "first")):
            if getattr(row, one) in train and getattr(row, other) in test:
                yield {
                    "kind": row.kind,
                    "seconds": row.seconds,
                    **_side(row, one, "train"),
                    **_side(row, other, "test"),
                }


def _side(row, which, side):
    return {
        side: getattr(row, which),
        **{f"{side}_{part}": getattr(row, f"{which}_{part}") for part in ("start", "stop", "path")},
    }
