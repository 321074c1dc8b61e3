"""Download data sets from PhysioNet and load them."""

from __future__ import annotations

import re
from numbers import Integral, Real
from pathlib import Path
from urllib.parse import quote

from .._utils.suggest import check_choice
from ._circor import load_circor
from ._descr import CIRCOR_URL, PHYSIONET2016_URL
from ._download import Settings, download_files, read_checksums
from ._physionet2016 import check_databases, load_physionet2016
from ._validation import check_number

# Folder, address, a file that must be listed, title.
_CIRCOR = (
    "circor-heart-sound-1.0.3",
    CIRCOR_URL,
    "training_data.csv",
    "CirCor DigiScope 1.0.3 (ODC-By 1.0)",
)
_PHYSIONET2016 = (
    "challenge-2016-1.0.0",
    PHYSIONET2016_URL,
    "REFERENCE.csv",
    "PhysioNet/CinC Challenge 2016 1.0.0 (ODC-By 1.0)",
)


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

    Parameters
    ----------
    data_home : str or path-like
        Folder for data sets; a folder ``circor-heart-sound-1.0.3`` is made in it. Files that
        exist are verified by their SHA-256 sums. Those that are missing are downloaded, and those
        that have changed are replaced, with a warning.
    target : {"murmur", "outcome"}, default="murmur"
        See :func:`load_circor`.
    base_url : str or None, default=None
        Address of a mirror of the published folder. None is PhysioNet.
    checksums : None, str, path-like or dict, default=None
        Address or path of a list of SHA-256 sums, or ``{name: sum}`` of the files to download.
        None is ``SHA256SUMS.txt`` at `base_url`; with a mirror, pass the publisher's list.
    n_connections : int, default=4
        Number of files to download at a time.
    timeout : float, default=30.0
        Seconds without data after which an attempt fails.
    n_retries : int, default=5
        Number of further attempts for each file.
    verbose : int, default=1
        Whether to show progress on standard error.
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        See :func:`load_circor`.

    Raises
    ------
    FetchError
        If a file cannot be downloaded, verified or written.

    Examples
    --------
    >>> from skheart.datasets import fetch_circor
    >>> circor = fetch_circor("heart-sounds")  # doctest: +SKIP
    """
    check_choice("target", target, ("murmur", "outcome"))
    settings = Settings(n_connections, timeout, n_retries, verbose)
    folder = _fetch(_CIRCOR, ".*", data_home, base_url, checksums, settings)
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

    Parameters
    ----------
    data_home : str or path-like
        Folder for data sets; a folder ``challenge-2016-1.0.0`` is made in it. Files are verified
        and downloaded as by :func:`fetch_circor`.
    databases : None, or list of {"a", "b", "c", "d", "e", "f"}, default=None
        Which databases to download and load. None is all of them.
    subset : {"training", "validation"}, default="training"
        See :func:`load_physionet2016`.
    base_url : str or None, default=None
        Address of a mirror of the published folder. None is PhysioNet.
    checksums : None, str, path-like or dict, default=None
        SHA-256 sums of the files; see :func:`fetch_circor`.
    n_connections : int, default=4
        Number of files to download at a time.
    timeout : float, default=30.0
        Seconds without data after which an attempt fails.
    n_retries : int, default=5
        Number of further attempts for each file.
    verbose : int, default=1
        Whether to show progress on standard error.
    return_X_y : bool, default=False
        Return ``(paths, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`sklearn.utils.Bunch`
        See :func:`load_physionet2016`.

    Raises
    ------
    FetchError
        If a file cannot be downloaded, verified or written.

    Examples
    --------
    >>> from skheart.datasets import fetch_physionet2016
    >>> sounds = fetch_physionet2016("heart-sounds", databases=["a", "f"])  # doctest: +SKIP
    """
    check_choice("subset", subset, ("training", "validation"))
    pattern = _select_files("".join(check_databases(databases) or "abcdef"), subset)
    settings = Settings(n_connections, timeout, n_retries, verbose)
    folder = _fetch(_PHYSIONET2016, pattern, data_home, base_url, checksums, settings)
    return load_physionet2016(folder, databases=databases, subset=subset, return_X_y=return_X_y)


def _select_files(letters, subset):
    """Return the pattern of the recordings and tables; archives hold the same recordings again."""
    folder = rf"(training/)?training-[{letters}]" if subset == "training" else "validation"
    about = r"LICENSE\.txt|annotations/[Oo]nline.[Aa]ppendix.+\.csv"
    return rf"{folder}/([^/]+\.(wav|csv)|RECORDS.*)|{about}"


def _fetch(data_set, pattern, data_home, base_url, checksums, settings):
    """Download and verify the listed files whose names match; return their folder."""
    name, published_url, needed, title = data_set
    check_number("n_connections", settings.n_connections, Integral, 1)
    check_number("timeout", settings.timeout, Real, 1e-3)
    check_number("n_retries", settings.n_retries, Integral, 0)
    base_url = (base_url or published_url).rstrip("/") + "/"
    if not base_url.startswith(("https://", "http://")):
        raise ValueError(f"base_url must start with https:// or http://. Got {base_url!r} instead.")
    folder = Path(data_home).expanduser() / name
    sums = read_checksums(checksums, folder, base_url, needed, settings)
    sums = {n: value for n, value in sums.items() if re.fullmatch(pattern, n)}
    download_files(folder, {n: base_url + quote(n) for n in sums}, sums, title, settings)
    return folder
