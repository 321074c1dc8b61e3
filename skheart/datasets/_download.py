"""Download files with known SHA-256 sums through pooch: verified, atomic, and only once."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import threading
import time
import warnings
from concurrent.futures import Future, as_completed, wait
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from .._utils.parallel import progress, thread_pool
from ._read_table import read_text

# Bounds for one file: the largest published one has about 1 MB.
_MAX_BYTES = 1 << 28
_MAX_SECONDS = 600.0
_CHUNK = 1 << 16
_TEMPORARY = (408, 425, 429, 500, 502, 503, 504)  # HTTP statuses worth another attempt
_SUM_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(.+)")


class FetchError(OSError):
    """Raised if a file cannot be downloaded or verified; files verified before are kept."""


class Settings(NamedTuple):
    """How to download; see :func:`skheart.datasets.fetch_circor`."""

    n_connections: int
    timeout: float
    n_retries: int
    verbose: int


def read_checksums(source, folder, base_url, needed, settings):
    """Return ``{name: SHA-256 sum}`` from a dict, a file, or an address; `needed` must be listed.

    A list from an address is downloaded once and kept in the folder, under a name of its own: the
    list of a mirror must not be taken for that of the publisher.
    """
    if isinstance(source, dict):
        return _check_sums({str(k): str(v).lower() for k, v in source.items()}, "checksums", needed)
    url = base_url + "SHA256SUMS.txt" if source is None else str(source)
    if not url.startswith(("https://", "http://")):
        path = Path(url).expanduser()
        return parse_checksums(read_text(path), path, needed)
    name = f"SHA256SUMS-{hashlib.sha256(url.encode()).hexdigest()[:8]}.txt"
    path = folder / name
    if not path.exists():
        download_files(folder, {name: url}, {name: None}, "List of SHA-256 sums", settings)
    try:
        return parse_checksums(path.read_text("utf-8-sig", "replace"), url, needed)
    except FetchError:
        path.unlink()
        raise


def parse_checksums(text, source, needed):
    """Return ``{name: SHA-256 sum}`` of a list as ``sha256sum`` writes it."""
    sums = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _SUM_LINE.fullmatch(line.strip())
        if match:
            sums[match[2].removeprefix("./")] = match[1].lower()
        elif line.strip():
            raise FetchError(
                f"{source}, line {number} is not a SHA-256 sum and a file name: {line[:60]!r}. "
                f"Check base_url and checksums."
            )
    return _check_sums(sums, source, needed)


def _check_sums(sums, source, needed):
    """Raise for a wrong list, names that lead out of the folder, and invalid sums."""
    if not any(PurePosixPath(name).name == needed for name in sums):
        raise FetchError(
            f"{source}: the list of SHA-256 sums does not contain {needed}, so it belongs to other "
            f"data. Check base_url and checksums."
        )
    for name, value in sums.items():
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or re.search(r"[\\:\0]", name):
            raise FetchError(f"{source}: {name!r} leads out of the folder. Nothing was downloaded.")
        if not re.fullmatch("[0-9a-f]{64}", value):
            raise FetchError(f"{source}: {value!r} for {name} is not a SHA-256 sum.")
    return sums


def download_files(folder, urls, sums, title, settings):
    """Download the files of ``{name: address}`` that `folder` lacks, and verify all of them.

    `sums` has the SHA-256 sum of each name, or None for a file that is not verified.
    """
    import pooch

    for parent in {(folder / name).parent for name in urls}:
        parent.mkdir(parents=True, exist_ok=True)  # pooch would do it, but not thread-safely
    files = pooch.Pooch(folder, "", sums, urls, retry_if_failed=settings.n_retries)
    stop = threading.Event()
    download = _make_downloader(settings.timeout, stop)
    bar = progress(len(urls), title, settings.verbose, unit="file")
    threads = thread_pool(settings.n_connections, "fetch")
    with bar as advance, threads as pool, _warnings_only(pooch.get_logger()):
        jobs = {pool.submit(_fetch_file, files, name, download): name for name in urls}
        try:
            changed = []
            for job in as_completed(jobs):
                if job.result():
                    changed.append(jobs[job])
                advance(1)
        finally:  # after an error or an interrupt, do not finish the other files
            stop.set()
    if changed:
        warnings.warn(
            f"{folder}: {len(changed)} file(s) differed from the SHA-256 sums and were downloaded "
            f"again, such as {min(changed)}. Keep your own changes in other files.",
            UserWarning,
            stacklevel=4,
        )


@contextlib.contextmanager
def _warnings_only(logger):
    """Silence the messages that pooch logs for every file."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _fetch_file(files, name, download):
    """Verify or download one file, and return whether it was there with other content.

    Raises FetchError with address, reason and remedy.
    """
    import requests

    url, n_attempts = files.get_url(name), files.retry_if_failed + 1
    path = files.abspath / name
    before = path.stat() if path.exists() else None
    try:
        files.fetch(name, downloader=download)
    except FetchError:
        raise
    except requests.RequestException as error:
        raise FetchError(
            f"{url}: {_find_reason(error)} ({n_attempts} attempts). Check the network connection "
            f"and base_url, and call again; files verified so far are kept."
        ) from error
    except ValueError as error:  # pooch names the expected and the actual sum
        raise FetchError(
            f"{url}: {error} ({n_attempts} attempts). If the publisher has changed the file, "
            f"delete the SHA256SUMS-*.txt in {files.abspath} and call again."
        ) from error
    except OSError as error:
        raise FetchError(
            f"{path}: {error.strerror or error}. Make sure that the disk has space "
            f"and can be written to, and call again; files verified so far are kept."
        ) from error
    return before is not None and not os.path.samestat(before, path.stat())


def _make_downloader(timeout, stop):
    """Return a downloader for pooch that bounds bytes and seconds and ends when `stop` is set."""
    import requests
    from urllib3.exceptions import HTTPError

    local = threading.local()

    def download(url, path, pooch):
        if not hasattr(local, "session"):
            local.session = requests.Session()  # keeps the connection of this thread open
            local.session.headers["Accept-Encoding"] = "identity"
        session = local.session

        def transfer(left):
            with session.get(url, stream=True, timeout=timeout) as response:
                _check_response(url, response)
                if left.is_set():
                    return
                os.unlink(path)  # pooch's temporary file is readable by its owner only
                try:
                    with open(path, "xb") as stream:
                        _copy(url, response.raw, stream, left)
                except HTTPError as error:
                    raise requests.ConnectionError(error) from error  # pooch tries these again

        _run_in_time(transfer, url, stop)

    return download


def _copy(url, raw, stream, left):
    """Copy the bytes of an answer to a file, until there are too many or `left` is set."""
    n_bytes = 0
    # read1 returns what has arrived.
    while not left.is_set() and (chunk := raw.read1(_CHUNK)):
        n_bytes += len(chunk)
        if n_bytes > _MAX_BYTES:
            raise _stopped(url)
        stream.write(chunk)


def _run_in_time(function, url, stop):
    """Call a function in a thread, which is left behind after `_MAX_SECONDS` or with `stop`.

    The function is given an event that is set then. The timeout of a request is that of each
    packet, and a server can send them byte by byte.
    """
    result, left, end = Future(), threading.Event(), time.monotonic() + _MAX_SECONDS

    def run():
        try:
            result.set_result(function(left))
        except BaseException as error:  # raised in the thread that waits
            result.set_exception(error)

    threading.Thread(target=run, name="skheart-download", daemon=True).start()
    while not result.done():
        if stop.is_set() or time.monotonic() > end:
            left.set()
            raise FetchError("another file failed") if stop.is_set() else _stopped(url)
        wait([result], 0.1)
    result.result()


def _stopped(url):
    return FetchError(
        f"{url}: stopped, because a file may have at most {_MAX_BYTES} bytes and take "
        f"{_MAX_SECONDS:g} s. Check base_url."
    )


def _check_response(url, response):
    """Raise for a redirect to an unencrypted address and for HTTP errors."""
    if url.startswith("https:") and not response.url.startswith("https:"):
        raise FetchError(f"{url} redirects to {response.url}, which is not https. Check base_url.")
    if response.status_code != 200 and response.status_code not in _TEMPORARY:
        raise FetchError(
            f"{url}: HTTP status {response.status_code} {response.reason}. Check base_url; files "
            f"verified so far are kept."
        )
    response.raise_for_status()


def _find_reason(error):
    """Describe a failed request in one line, by the first exception behind it."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return " ".join(str(getattr(error, "strerror", None) or error).split())[:200]
