"""Download data sets from PhysioNet."""

from __future__ import annotations

import os
import re
from numbers import Integral, Real
from pathlib import Path

from ._circor import load_circor
from ._descr import CIRCOR_URL, PHYSIONET2016_URL
from ._download import Downloader, FetchError, locked
from ._files import check_choice
from ._physionet2016 import load_physionet2016, wanted_databases


def fetch_circor(
    data_home,
    *,
    target="murmur",
    base_url=None,
    checksums=None,
    n_connections=4,
    timeout=30.0,
    n_retries=5,
    verbose=1,
    return_X_y=False,
):
    """Download the CirCor DigiScope dataset 1.0.3 (about 560 MB, 10434 files) and load it.

    The files go to ``data_home/circor-heart-sound-1.0.3`` as published. Each is written to a
    ``.part`` file, verified by its SHA-256 sum and only then given its name. A call that was
    interrupted goes on where it stopped, in the middle of a file too. When all is there, which a
    small file of verified sizes tells, no network is used. A file that no longer has its size or
    sum is fetched again.

    Parameters
    ----------
    data_home : str or path-like
        The folder to keep data sets in; made where it is not there. Nothing is written elsewhere.
    target : {"murmur", "outcome"}, default="murmur"
        See :func:`load_circor`.
    base_url : str or None, default=None
        Address of the published folder; None is PhysioNet's over https. A mirror of it works.
    checksums : None, str, path-like or dict, default=None
        Where the SHA-256 sums come from: the address or the path of a list as ``sha256sum`` writes
        it, or ``{name: sum}``, which also restricts what is fetched. None is the
        ``SHA256SUMS.txt`` that the publisher puts into the folder at `base_url`; files are then
        what that server says they are, and it is https that vouches for the server. With a mirror,
        pass the publisher's list.
    n_connections : int, default=4
        Files received at a time.
    timeout : float, default=30.0
        Seconds without an answer, or without another byte, before a new try.
    n_retries : int, default=5
        New tries for a file, with growing pauses; tries that got further are not counted.
    verbose : int, default=1
        0 is silent; else progress goes to standard error.
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        See :func:`load_circor`.

    Raises
    ------
    OSError
        A file could not be had, or its sum is wrong (``FetchError``, which names the file, the
        expected and the actual sum), or the disk is full. What is verified stays; no file has its
        final name before it is verified.

    Notes
    -----
    Licence: Open Data Commons Attribution License 1.0. Please cite what `DESCR` names.

    Examples
    --------
    This downloads about 560 MB:

    >>> from skheart.datasets import fetch_circor
    >>> circor = fetch_circor("heart-sounds")  # doctest: +SKIP
    """
    check_choice("target", target, ("murmur", "outcome"))
    folder = _fetch(
        data_home,
        "circor-heart-sound-1.0.3",
        base_url or CIRCOR_URL,
        checksums,
        keep=lambda name: True,
        needed="training_data.csv",
        title="CirCor DigiScope 1.0.3 (ODC-By 1.0)",
        n_connections=n_connections,
        timeout=timeout,
        n_retries=n_retries,
        verbose=verbose,
    )
    return load_circor(folder, target=target, return_X_y=return_X_y)


def fetch_physionet2016(
    data_home,
    *,
    databases=None,
    subset="training",
    base_url=None,
    checksums=None,
    n_connections=4,
    timeout=30.0,
    n_retries=5,
    verbose=1,
    return_X_y=False,
):
    """Download the PhysioNet/CinC Challenge 2016 recordings (about 190 MB) and load them.

    The WAV files and tables go to ``data_home/challenge-2016-1.0.0`` as published; archives that
    hold the same recordings again are left out. Everything else is as in :func:`fetch_circor`.

    Parameters
    ----------
    data_home : str or path-like
        The folder to keep data sets in; made where it is not there. Nothing is written elsewhere.
    databases : None, or list of {"a", "b", "c", "d", "e", "f"}, default=None
        Which databases to fetch and load; None is all.
    subset : {"training", "validation"}, default="training"
        "validation" fetches and loads the published copy of some training recordings instead.
    base_url : str or None, default=None
        Address of the published folder; None is PhysioNet's over https.
    checksums : None, str, path-like or dict, default=None
        Where the SHA-256 sums come from; see :func:`fetch_circor`.
    n_connections : int, default=4
        Files received at a time.
    timeout : float, default=30.0
        Seconds without an answer, or without another byte, before a new try.
    n_retries : int, default=5
        New tries for a file, with growing pauses; tries that got further are not counted.
    verbose : int, default=1
        0 is silent; else progress goes to standard error.
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        See :func:`load_physionet2016`.

    Raises
    ------
    OSError
        A file could not be had or verified; see :func:`fetch_circor`.

    Notes
    -----
    Licence: Open Data Commons Attribution License 1.0. Please cite what `DESCR` names.

    Examples
    --------
    This downloads two of the six databases:

    >>> from skheart.datasets import fetch_physionet2016
    >>> sounds = fetch_physionet2016("heart-sounds", databases=["a", "f"])  # doctest: +SKIP
    """
    check_choice("subset", subset, ("training", "validation"))
    letters = "".join(wanted_databases(databases) or "abcdef")
    sub = rf"(training/)?training-[{letters}]" if subset == "training" else "validation"
    recordings = re.compile(rf"{sub}/([^/]+\.(wav|csv)|RECORDS.*)")
    about = re.compile(r"LICENSE\.txt|annotations/online.appendix.+\.csv", re.IGNORECASE)
    folder = _fetch(
        data_home,
        "challenge-2016-1.0.0",
        base_url or PHYSIONET2016_URL,
        checksums,
        keep=lambda name: recordings.fullmatch(name) or about.fullmatch(name),
        needed="REFERENCE.csv",
        title="PhysioNet/CinC Challenge 2016 1.0.0 (ODC-By 1.0)",
        n_connections=n_connections,
        timeout=timeout,
        n_retries=n_retries,
        verbose=verbose,
    )
    return load_physionet2016(folder, databases=databases, subset=subset, return_X_y=return_X_y)


def _fetch(data_home, name, base_url, checksums, *, keep, needed, title, **how):
    """Have the files that `keep` chooses in a folder of `data_home`; return that folder."""
    _check_at_least("n_connections", how["n_connections"], 1, Integral)
    _check_at_least("n_retries", how["n_retries"], 0, Integral)
    _check_at_least("timeout", how["timeout"], 1e-3, Real)
    folder = Path(os.fspath(data_home)).expanduser() / name
    downloader = Downloader(folder, base_url, **how)

    def chosen(sums):
        return {n: sha256 for n, sha256 in sums.items() if keep(n)}

    def check(sums):
        if not any(n.rpartition("/")[2] == needed for n in chosen(sums)):
            raise FetchError(
                f"The list of SHA-256 sums names no {needed}: it is not the list of {title}. "
                f"Check `base_url` and `checksums`."
            )

    known = downloader.known_checksums(checksums)
    if known is None or downloader.missing(chosen(known)):
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            downloader.fetch(chosen(downloader.checksums(checksums, check)), title)
    return folder


def _check_at_least(name, value, least, kind):
    if not isinstance(value, kind) or isinstance(value, bool) or value < least:
        what = "an int" if kind is Integral else "a number"
        raise ValueError(f"`{name}` must be {what} of at least {least}. Got {value!r} instead.")
