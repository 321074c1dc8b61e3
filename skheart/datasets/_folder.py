"""Loader of a folder with one subfolder for each label."""

from __future__ import annotations

import os
import re
import warnings

import numpy as np

from .._utils.suggest import check_choice
from ..audio import ON_ERROR, RecordingWarning
from ._files import LeakageWarning, as_bunch, check_folder
from ._scan import check_any, describe_hidden, scan_folder
from ._skipped import leave_out_unreadable
from ._table import parse_labels
from ._table_checks import NA_VALUES

_EXPECTED = "a folder with one subfolder of recordings for each label"
_PARTITIONS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "devel"}
_PUBLISHED = {
    "training_data.csv": "load_circor(folder), or `skheart train circor --data FOLDER`",
    "REFERENCE.csv": "load_physionet2016(folder), or `skheart train physionet2016 --data FOLDER`",
    "ComParE2018_Heartbeat.tsv": "load_hss(folder), or `skheart train hss --data FOLDER`",
}


def load_folder(folder, *, subject_pattern=None, on_error="raise", return_X_y=False):
    """Load your own recordings from a folder with one subfolder for each label.

    Parameters
    ----------
    folder : str or path-like
        The labels are the names of its subfolders. All recordings below a subfolder have its label.
    subject_pattern : str or re.Pattern, default=None
        Regular expression that matches the beginning of each file name; its first group, or the
        whole match, is the subject: ``"([0-9]+)_"`` for ``123_AV.wav``. With None, `groups` is
        None, with a :class:`LeakageWarning`.
    on_error : {"raise", "warn", "skip"}, default="raise"
        "raise" does not open the recordings: what reads them raises. The others look at the header
        of each file and leave out those that cannot be read, with one
        :class:`skheart.audio.RecordingWarning` or silently; `skipped` lists them.
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        The fields listed in :mod:`skheart.datasets`, without `sr`. `target` is int64 if all labels
        are plain integers, else str. `skipped` is a DataFrame with the `path` and `reason` of each
        recording left out; a warning names files that are sound but have no such suffix.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If the folder is missing or a file.
    ValueError
        If there is no subfolder with recordings, a recording is outside of the subfolders, a label
        stands for a missing value ("NA", "nan", ...), the folder is a published dataset or split
        into partitions, or a file name does not match `subject_pattern`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skheart.datasets import load_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ["normal/7_AV.wav", "murmur/8_AV.wav"]:
    ...         Path(folder, name).parent.mkdir()
    ...         Path(folder, name).touch()
    ...     data = load_folder(folder, subject_pattern="([0-9]+)_")
    >>> data.target
    array(['murmur', 'normal'], dtype='<U6')
    >>> data.groups
    array(['8', '7'], dtype='<U1')
    """
    import pandas as pd

    check_choice("on_error", on_error, ON_ERROR)
    remedy = "For a table of recordings, use load_table."
    root = check_folder(folder, expected=_EXPECTED, remedy=remedy)
    contents = scan_folder(root)
    frame = pd.DataFrame({"path": contents.recordings}, dtype=str)
    frame["label"] = _labels_of(root, contents)
    if subject_pattern is not None:
        frame["subject"] = [_subject_of(path, subject_pattern) for path in frame["path"]]
    else:
        _warn_about_subjects(root)
    _warn_about_left_out(root, contents)
    frame, skipped = leave_out_unreadable(frame, on_error, stacklevel=2)
    lost = pd.DataFrame(list(contents.lost.items()), columns=skipped.columns, dtype=str)
    target = frame["label"] = parse_labels(frame["label"])
    return as_bunch(
        frame,
        target,
        return_X_y=return_X_y,
        target_names=[str(label) for label in np.unique(target)],
        groups=None if subject_pattern is None else frame["subject"].to_numpy(dtype=str),
        skipped=pd.concat([lost, skipped], ignore_index=True),
        DESCR=f"Recordings of the folder {root}: {len(frame)} recordings.\n",
    )


def _labels_of(root, contents):
    """Return the label of each recording: the name of the subfolder directly in `root`."""
    parts = [os.path.relpath(path, root).split(os.sep) for path in contents.recordings]
    outside = [p for p, names in zip(contents.recordings, parts, strict=True) if len(names) == 1]
    labels = sorted({names[0] for names in parts if len(names) > 1})
    _check_not_published(root, labels)
    check_any(root, contents)
    if outside:
        shown = ", ".join(outside[:5]) + (", ..." if len(outside) > 5 else "")
        raise ValueError(
            f"{root}: {len(outside)} recording(s) are in no subfolder, so they have no label: "
            f"{shown}. Expected {_EXPECTED}. Move them, or list the recordings in a table (CSV)."
        )
    if {label.lower() for label in labels} <= _PARTITIONS:
        raise ValueError(
            f"{root}: the subfolders {', '.join(labels)} are parts of a split, not labels. Pass "
            f"one of them."
        )
    missing = [label for label in labels if label in NA_VALUES]
    if missing:
        raise ValueError(
            f"{root}: the subfolder {missing[0]!r} stands for a missing label. Remove it, or "
            f"rename it if this is a label."
        )
    return [names[0] for names in parts]


def _check_not_published(root, labels):
    for base in [root, root / "lab", *(root / label for label in labels)]:
        for table, remedy in _PUBLISHED.items():
            if (base / table).is_file():
                raise ValueError(
                    f"{base} has a {table}, so the labels are not the names of the folders. Use "
                    f"{remedy}."
                )


def _subject_of(path, pattern):
    name = os.path.basename(path)
    found = re.match(pattern, name)
    subject = found and found[min(1, found.re.groups)]
    if not subject:
        raise ValueError(
            f"subject_pattern={getattr(pattern, 'pattern', pattern)!r} finds no subject at the "
            f"beginning of {name} ({path}). Give a pattern that fits all names, or list the "
            f"recordings in a table (CSV) with the columns path, label and subject."
        )
    return subject


def _warn_about_subjects(root):
    warning = LeakageWarning(
        f"{root} has no subjects, so recordings of a subject may be on both sides of a split. If "
        f"the file names begin with the subject, pass subject_pattern (--subject-pattern on the "
        f"command line), such as '([0-9]+)_'."
    )
    warning.column = ""  # of no table
    warnings.warn(warning, stacklevel=3)


def _warn_about_left_out(root, contents):
    """Warn about what is left out: sound files by name, hidden ones by number."""
    sentences = list(contents.lost.values())[:5]
    if len(contents.lost) > 5:
        sentences.append(f"{len(contents.lost) - 5} more are left out.")
    if contents.hidden:
        sentences.append(describe_hidden(contents.hidden))
    empty = [
        child.name
        for child in sorted(root.iterdir())
        if child.is_dir()
        and not child.name.startswith(".")
        and not any(path.startswith(f"{child}{os.sep}") for path in contents.recordings)
    ]
    if empty:
        sentences.append(f"No recording is in {', '.join(empty)}, which is not a label.")
    if sentences:
        warnings.warn(f"{root}: {' '.join(sentences)}", RecordingWarning, stacklevel=3)
