"""Download files with known SHA-256 sums: verified, atomic, resumable, and only once."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

_CHUNK = 1 << 15  # bytes; what a broken connection can cost at most
_BACKOFF = 1.0  # s before the first new try; doubles up to _MAX_BACKOFF
_MAX_BACKOFF = 30.0
_LATER = (408, 425, 429, 500, 502, 503, 504)  # HTTP statuses that may pass
_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)
_SUM_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(.+)")
STAMP = ".skheart-verified.json"
LOCK = ".skheart-lock"
LIST = "SHA256SUMS.txt"


class FetchError(OSError):
    """A download that could not be finished; what is verified so far stays."""


class _Stopped(Exception):
    """Another file has failed, or the user has interrupted."""


class Downloader:
    """Fetches the files of one folder from one address.

    Parameters
    ----------
    folder : Path
        Where the files go, under their listed names.
    base_url : str
        What the names are relative to.
    n_connections, timeout, n_retries, verbose
        See :func:`skheart.datasets.fetch_circor`.
    """

    def __init__(self, folder, base_url, *, n_connections, timeout, n_retries, verbose):
        self.folder = folder
        self.base_url = base_url if base_url.endswith("/") else base_url + "/"
        self.n_connections = n_connections
        self.timeout = timeout
        self.n_retries = n_retries
        self.verbose = verbose
        self._stop = threading.Event()
        self._local = threading.local()

    # --- the list ---------------------------------------------------------------------------

    def known_checksums(self, source):
        """``{name: sha256}`` from `source` as far as no network is needed, else None.

        The list of an address is kept in the folder, with the address in the stamp.
        """
        if isinstance(source, dict):
            return _checked({str(k): str(v).lower() for k, v in source.items()}, "`checksums`")
        if not _is_address(source):
            path = Path(os.fspath(source)).expanduser()
            return parse_checksums(path.read_text(encoding="utf-8-sig"), str(path))
        kept = self.folder / LIST
        if self._read_stamp()["list"] != self._list_url(source) or not kept.is_file():
            return None
        return parse_checksums(kept.read_text(encoding="utf-8-sig"), str(kept))

    def checksums(self, source, check):
        """As `known_checksums`, over the network where need be; `check` may refuse the list."""
        sums = self.known_checksums(source)
        if sums is None:
            url = self._list_url(source)
            part = self.folder / (LIST + ".part")
            part.unlink(missing_ok=True)
            self._until_received(url, part, None)
            sums = parse_checksums(part.read_text(encoding="utf-8-sig", errors="replace"), url)
            check(sums)
            os.replace(part, self.folder / LIST)
            self._write_stamp(self._read_stamp() | {"list": url})
        check(sums)
        return sums

    def _list_url(self, source):
        return self.base_url + LIST if source is None else str(source)

    # --- the files --------------------------------------------------------------------------

    def missing(self, sums):
        """The names of `sums` that are not in the folder, verified and of the same size since."""
        files = self._read_stamp()["files"]
        return [name for name in sums if not self._is_verified(name, sums[name], files)]

    def fetch(self, sums, title):
        """Have every file of `sums` in the folder."""
        todo = self.missing(sums)
        if not todo:
            return
        if self.verbose:
            print(
                f"{title}: {len(todo)} of {len(sums)} files to fetch from {self.base_url} "
                f"into {self.folder}",
                file=sys.stderr,
            )
        stamp = self._read_stamp()
        pool = ThreadPoolExecutor(self.n_connections, thread_name_prefix="skheart-fetch")
        bar = _Bar(len(todo), disable=not self.verbose)
        try:
            jobs = {pool.submit(self._fetch_one, name, sums[name], bar): name for name in todo}
            for job in as_completed(jobs):
                stamp["files"][jobs[job]] = [job.result(), sums[jobs[job]]]
                bar.update()
        finally:
            self._stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            bar.close()
            self._write_stamp(stamp)

    def _fetch_one(self, name, sha256, bar):
        """Have one verified file under its final name; return its size in bytes."""
        path = self.folder / name
        # A call that was killed may have finished files that its stamp does not tell of.
        if not (path.is_file() and _sha256(path) == sha256):
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(path.name + ".part")
            self._until_received(self.base_url + quote(name), part, sha256, bar)
            os.replace(part, path)
        return path.stat().st_size

    def _until_received(self, url, part, sha256, bar=None):
        """Receive `url` into `part`, again and again, until it is whole and has its sum.

        A try that got further than any before is not counted: it will end.
        """
        import requests

        furthest, failures = _size(part), 0
        while True:
            try:
                digest = self._receive(url, part, bar)
                if sha256 in (None, digest):
                    return
                part.unlink()
                problem = f"SHA-256 is {digest}, expected {sha256}"
                failures += 1
            except requests.RequestException as error:
                problem = _plain(error, self.timeout, url)
                failures += _size(part) <= furthest
                furthest = max(_size(part), furthest)
            except OSError as error:
                if isinstance(error, FetchError):
                    raise
                remedy = "make room and call again; " if error.errno == errno.ENOSPC else ""
                raise FetchError(
                    f"{part}: {error.strerror}; {remedy}what is verified so far stays."
                ) from error
            if failures > self.n_retries:
                hint = (
                    f" Nothing of it was kept. If the publisher has changed the file, delete "
                    f"{self.folder / LIST} and call again."
                    if problem.startswith("SHA-256")
                    else " Call again to go on from there; what is verified so far stays."
                )
                tries = f"{failures} failed tr{'y' if failures == 1 else 'ies'}"
                raise FetchError(f"{url}: {problem} ({tries}).{hint}")
            pause = min(_BACKOFF * 2 ** max(failures - 1, 0), _MAX_BACKOFF)
            self._tell_of_retry(url, problem, pause, failures)
            self._wait(pause)

    def _tell_of_retry(self, url, problem, pause, failures):
        if self.verbose:
            from tqdm import tqdm

            tqdm.write(
                f"{url}: {problem}; trying again in {pause:g} s "
                f"({failures} of {self.n_retries + 1} tries failed)",
                file=sys.stderr,
            )

    def _receive(self, url, part, bar):
        """One request: append to `part` from where it ends; return the SHA-256 of the whole."""
        import requests

        have = _size(part)
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self._session().get(
            url, headers=headers, stream=True, timeout=self.timeout
        ) as response:
            self._check_response(url, response)
            if response.status_code == 416:  # nothing follows what is there: whole, or too long
                return _sha256(part)
            begins = re.match(rf"bytes {have}-", response.headers.get("Content-Range", ""))
            resumed = response.status_code == 206 and begins
            if response.status_code == 206 and not resumed:
                part.unlink(missing_ok=True)
                raise requests.ConnectionError("the server sent another range than asked for")
            digest = _hash_of(part) if resumed else hashlib.sha256()
            length = response.headers.get("Content-Length")
            got = 0
            with open(part, "ab" if resumed else "wb") as stream:
                for chunk in response.iter_content(_CHUNK):
                    if self._stop.is_set():
                        raise _Stopped
                    stream.write(chunk)
                    digest.update(chunk)
                    got += len(chunk)
                    if bar is not None:
                        bar.received(len(chunk))
            # urllib3 before version 2 ends silently when the connection breaks.
            if length is not None and got < int(length):
                raise requests.ConnectionError(f"broke off after {got} of {length} bytes")
        return digest.hexdigest()

    def _check_response(self, url, response):
        if url.startswith("https:") and not response.url.startswith("https:"):
            raise FetchError(f"{url} redirects to {response.url}, which is not https; refused.")
        status = response.status_code
        if status in _LATER:
            response.raise_for_status()
        if status not in (200, 206, 416):
            raise FetchError(
                f"{url}: HTTP status {status} {response.reason}. Check `base_url` and the version; "
                f"what is verified so far stays."
            )

    def _session(self):
        """One kept-alive connection per thread: most files are small."""
        if not hasattr(self._local, "session"):
            import requests

            self._local.session = requests.Session()
            # Ranges and sums are of the bytes of the file, not of a compressed form.
            self._local.session.headers.update(
                {"Accept-Encoding": "identity", "User-Agent": "skheart"}
            )
        return self._local.session

    def _wait(self, seconds):
        if self._stop.wait(seconds):
            raise _Stopped

    # --- what is known to be there ----------------------------------------------------------

    def _read_stamp(self):
        """Where the kept list is from, and ``{name: [size, sha256]}`` of what was verified."""
        try:
            stamp = json.loads((self.folder / STAMP).read_text(encoding="utf-8"))
            return {"list": stamp["list"], "files": dict(stamp["files"])}
        except (OSError, ValueError, TypeError, KeyError):
            return {"list": None, "files": {}}

    def _write_stamp(self, stamp):
        part = self.folder / (STAMP + ".part")
        with contextlib.suppress(OSError):  # on a full disk the next call verifies again
            part.write_text(json.dumps(stamp, indent=0, sort_keys=True), encoding="utf-8")
            os.replace(part, self.folder / STAMP)

    def _is_verified(self, name, sha256, files):
        return files.get(name) == [_size(self.folder / name), sha256]


class _Bar:
    """Files done and bytes received, on standard error."""

    def __init__(self, n_files, *, disable):
        from tqdm import tqdm

        self._bar = tqdm(total=n_files, unit=" files", file=sys.stderr, disable=disable)
        self._lock = threading.Lock()
        self._bytes = 0

    def received(self, n_bytes):
        with self._lock:
            self._bytes += n_bytes
            self._bar.set_postfix_str(f"{self._bytes / 1e6:.1f} MB", refresh=False)

    def update(self):
        self._bar.update()

    def close(self):
        self._bar.close()


@contextlib.contextmanager
def locked(folder):
    """Hold the folder, so that two calls do not write the same partial files."""
    with open(folder / LOCK, "w", encoding="utf-8") as stream:
        try:
            _lock(stream)
        except OSError as error:
            raise FetchError(
                f"{folder}: another fetch is at work in this folder; wait for it to end."
            ) from error
        yield  # closing the file, or the end of the process, gives the lock back


def _lock(stream):
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def parse_checksums(text, source):
    """``{name: sha256}`` of a list in the form of ``sha256sum``."""
    sums = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = _SUM_LINE.fullmatch(line.strip())
        if match is None:
            raise FetchError(
                f"{source}, line {number}: not a list of SHA-256 sums and names: {line[:60]!r}"
            )
        sums[match.group(2).removeprefix("./")] = match.group(1).lower()
    if not sums:
        raise FetchError(f"{source}: the list of SHA-256 sums is empty.")
    return _checked(sums, source)


def _checked(sums, source):
    """Refuse names that would lead out of the folder, and sums that are none."""
    for name, sha256 in sums.items():
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or re.search(r"[\\:\0]", name):
            raise FetchError(f"{source}: {name!r} leads out of the folder; nothing was fetched.")
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise FetchError(f"{source}: {sha256!r} for {name} is not a SHA-256 sum.")
    return sums


def _is_address(source):
    return source is None or re.match("https?://", str(source)) is not None


def _size(path):
    """Bytes of a file; 0 where there is none."""
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _plain(error, timeout, url):
    """What happened, for a person: what requests and urllib3 say is long and of their insides."""
    import requests

    if "timed out" in str(error).lower():
        return f"no answer within {timeout:g} s"
    if isinstance(error, requests.HTTPError):
        return f"HTTP status {error.response.status_code}"
    cause = _deepest(error)
    reason = " ".join(str(getattr(cause, "strerror", None) or cause).split())[:100].rstrip(".")
    host = urlsplit(url).netloc
    if isinstance(error, requests.exceptions.ProxyError):
        return f"{host} cannot be reached through the proxy: {reason}"
    if isinstance(error, requests.exceptions.SSLError):
        return f"{host} cannot be reached safely: {reason}"
    if isinstance(cause, (socket.gaierror, ConnectionRefusedError)) or (
        isinstance(cause, OSError) and cause.errno in _UNREACHABLE
    ):
        return f"{host} cannot be reached: {reason}"
    broke = isinstance(error, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError))
    return f"the connection broke: {reason}" if broke else reason


def _deepest(error):
    """The first exception of the chain that led to `error`."""
    seen = [error]
    while (error := error.__cause__ or error.__context__) is not None and error not in seen:
        seen.append(error)
    return seen[-1]


def _hash_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest


def _sha256(path):
    return _hash_of(path).hexdigest()
