"""Fetching: from a server on this machine that serves the published layout, and misbehaves."""

import errno
import hashlib
import io
import socket
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import requests
import soundfile

from skheart.datasets import _download, fetch_circor, fetch_physionet2016
from skheart.datasets._download import FetchError, locked, parse_checksums

QUICK = {"verbose": 0, "timeout": 5.0}


def wav(n_samples, sr=4000, seed=0):
    stream = io.BytesIO()
    noise = np.random.default_rng(seed).normal(0, 0.1, n_samples)
    soundfile.write(stream, noise, sr, format="WAV", subtype="PCM_16")
    return stream.getvalue()


def with_list(files):
    """The files, and the list of their SHA-256 sums as PhysioNet writes it."""
    lines = [f"{hashlib.sha256(data).hexdigest()} {name}\n" for name, data in files.items()]
    return {**files, "SHA256SUMS.txt": "".join(lines).encode()}


def circor_files():
    big = wav(150_000, seed=1)  # 300 kB: several chunks
    return with_list(
        {
            "LICENSE.txt": b"Open Data Commons Attribution License",
            "RECORDS": b"training_data/11_AV\ntraining_data/22_MV\n",
            "training_data.csv": b"Patient ID,Murmur,Outcome,Additional ID\n"
            b"11,Present,Abnormal,nan\n22,Absent,Normal,nan\n",
            "training_data/11.txt": b"11 1 4000\nAV 11_AV.hea 11_AV.wav 11_AV.tsv\n",
            "training_data/11_AV.wav": big,
            "training_data/11_AV.tsv": b"0.5\t0.6\t1\n0.6\t0.9\t2\n",
            "training_data/22.txt": b"22 1 4000\nMV 22_MV.hea 22_MV.wav 22_MV.tsv\n",
            "training_data/22_MV.wav": wav(500, seed=2),
        }
    )


class Server:
    """Serves `files`; `plan[name]` lists how to answer the next requests for a name."""

    def __init__(self, files):
        self.files = files
        self.plan = defaultdict(list)
        self.asked = []  # (name, value of the Range header)
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args):
                pass

            def do_GET(self):
                outer.answer(self)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda *args: None  # clients that leave are part of the play
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request):
        name = request.path.lstrip("/")
        span = request.headers.get("Range")
        self.asked.append((name, span))
        how = self.plan[name].pop(0) if self.plan[name] else "well"
        if name not in self.files or how == "404":
            return self.head(request, 404, 0)
        if how == "503":
            return self.head(request, 503, 0)
        data = self.files[name]
        if how == "corrupt":
            data = data[:-1] + bytes([data[-1] ^ 1])
        start = int(span.removeprefix("bytes=").rstrip("-")) if span and how != "no range" else 0
        if start >= len(data) > 0 and span and how != "no range":
            return self.head(request, 416, 0)
        body = data[start:]
        if start:
            self.head(request, 206, len(body), f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.head(request, 200, len(body))
        if how in ("break", "stall"):
            request.wfile.write(body[: len(body) // 2])
            request.wfile.flush()
            if how == "stall":
                self.release.wait(20)
            request.close_connection = True
            return None
        return request.wfile.write(body)

    @staticmethod
    def head(request, status, length, span=None):
        request.send_response(status)
        request.send_header("Content-Length", str(length))
        if span:
            request.send_header("Content-Range", span)
        request.end_headers()

    def spans_of(self, name):
        return [span for asked, span in self.asked if asked == name]

    def close(self):
        self.release.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setattr(_download, "_BACKOFF", 0.01)
    servers = []

    def start(files):
        servers.append(Server(files))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def circor(serve):
    return serve(circor_files())


BIG = "training_data/11_AV.wav"


def folder_of(home):
    return home / "circor-heart-sound-1.0.3"


def partial_files(home):
    return [p.name for p in home.rglob("*.part")]


def test_fetch_gives_the_published_files_and_loads_them(circor, tmp_path):
    bunch = fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    for name, data in circor.files.items():
        assert (folder_of(tmp_path) / name).read_bytes() == data
    assert bunch.target.tolist() == ["Present", "Absent"]
    assert bunch.paths[0] == str(folder_of(tmp_path) / BIG)
    assert partial_files(tmp_path) == []
    # Each file once, and nothing but what the list names.
    assert sorted(name for name, _ in circor.asked) == sorted(circor.files)


def test_target_and_return_X_y_reach_the_loader(circor, tmp_path):
    paths, y = fetch_circor(
        tmp_path, target="outcome", return_X_y=True, base_url=circor.url, **QUICK
    )
    assert y.tolist() == ["Abnormal", "Normal"]
    assert len(paths) == 2


def test_second_call_uses_no_network(circor, tmp_path, monkeypatch):
    first = fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    n_asked = len(circor.asked)
    circor.close()

    def no_network(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.socket.connect", no_network)
    second = fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert second.paths == first.paths
    assert len(circor.asked) == n_asked


def test_second_call_writes_nothing(circor, tmp_path):
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_only_what_is_lost_is_fetched_again(circor, tmp_path):
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    (folder_of(tmp_path) / "RECORDS").unlink()
    (folder_of(tmp_path) / "training_data.csv").write_bytes(b"cut off")
    circor.asked.clear()
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert sorted(name for name, _ in circor.asked) == ["RECORDS", "training_data.csv"]
    assert (folder_of(tmp_path) / "RECORDS").read_bytes() == circor.files["RECORDS"]


def test_files_without_a_stamp_are_verified_not_fetched(circor, tmp_path):
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    (folder_of(tmp_path) / _download.STAMP).unlink()
    (folder_of(tmp_path) / "RECORDS").write_bytes(b"x" * len(circor.files["RECORDS"]))
    circor.asked.clear()
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    # Of the same size, but of another content.
    assert sorted(name for name, _ in circor.asked) == ["RECORDS", "SHA256SUMS.txt"]


def test_broken_connection_is_resumed_where_it_ended(circor, tmp_path):
    circor.plan[BIG] = ["break", "break"]
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert (folder_of(tmp_path) / BIG).read_bytes() == circor.files[BIG]
    spans = circor.spans_of(BIG)
    assert spans[0] is None
    starts = [int(span.removeprefix("bytes=").rstrip("-")) for span in spans[1:]]
    assert len(starts) == 2
    # All but the last chunk of what was sent is kept, and the second try goes on from the first.
    half = len(circor.files[BIG]) // 2
    assert half - _download._CHUNK < starts[0] <= half
    assert starts[0] < starts[1]


def test_tries_that_get_further_are_not_counted(circor, tmp_path):
    circor.plan[BIG] = ["break", "break"]
    fetch_circor(tmp_path, base_url=circor.url, n_retries=0, **QUICK)
    assert (folder_of(tmp_path) / BIG).read_bytes() == circor.files[BIG]


def test_interrupted_call_is_resumed_by_the_next(circor, tmp_path):
    circor.plan[BIG] = ["break", "404"]
    with pytest.raises(FetchError, match=r"11_AV\.wav: HTTP status 404"):
        fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert not (folder_of(tmp_path) / BIG).exists()
    assert "11_AV.wav.part" in partial_files(tmp_path)
    part = (folder_of(tmp_path) / (BIG + ".part")).stat().st_size
    circor.asked.clear()
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert circor.spans_of(BIG) == [f"bytes={part}-"]
    assert circor.spans_of("SHA256SUMS.txt") == []
    assert (folder_of(tmp_path) / BIG).read_bytes() == circor.files[BIG]


def test_server_that_ignores_ranges_starts_the_file_anew(circor, tmp_path):
    circor.plan[BIG] = ["break", "no range"]
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert circor.spans_of(BIG)[1].startswith("bytes=")
    assert (folder_of(tmp_path) / BIG).read_bytes() == circor.files[BIG]


@pytest.mark.parametrize(
    "left", [b"", b"another file that begins differently", wav(150_000, seed=1), wav(200_000)]
)
def test_partial_files_of_any_content_end_well(circor, tmp_path, left):
    part = folder_of(tmp_path) / (BIG + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert (folder_of(tmp_path) / BIG).read_bytes() == circor.files[BIG]


def test_corrupt_bytes_leave_no_file_and_name_both_sums(circor, tmp_path):
    circor.plan[BIG] = ["corrupt"] * 3
    good = hashlib.sha256(circor.files[BIG]).hexdigest()
    data = circor.files[BIG]
    bad = hashlib.sha256(data[:-1] + bytes([data[-1] ^ 1])).hexdigest()
    with pytest.raises(FetchError) as error:
        fetch_circor(tmp_path, base_url=circor.url, n_retries=2, **QUICK)
    assert f"{BIG}: SHA-256 is {bad}, expected {good} (3 failed tries)" in str(error.value)
    assert not (folder_of(tmp_path) / BIG).exists()
    assert "11_AV.wav.part" not in partial_files(tmp_path)
    assert len(circor.spans_of(BIG)) == 3


def test_corrupt_once_then_good(circor, tmp_path):
    circor.plan[BIG] = ["corrupt"]
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert circor.spans_of(BIG) == [None, None]  # from the start: nothing of it is trusted
    assert (folder_of(tmp_path) / BIG).read_bytes() == circor.files[BIG]


def test_broken_and_corrupt_by_turns_comes_to_an_end(circor, tmp_path):
    circor.plan[BIG] = ["break", "corrupt"] * 20
    with pytest.raises(FetchError, match="SHA-256 is"):
        fetch_circor(tmp_path, base_url=circor.url, n_retries=2, **QUICK)
    # One break that got further than any before it, and three that count.
    assert len(circor.spans_of(BIG)) == 4


def test_stalled_server_is_left_and_resumed(circor, tmp_path):
    circor.plan[BIG] = ["stall"]
    fetch_circor(tmp_path, base_url=circor.url, verbose=0, timeout=0.3)
    spans = circor.spans_of(BIG)
    assert len(spans) == 2
    assert spans[1].startswith("bytes=")
    assert (folder_of(tmp_path) / BIG).read_bytes() == circor.files[BIG]


def test_server_that_stays_silent_is_told(circor, tmp_path):
    circor.plan["SHA256SUMS.txt"] = ["stall", "stall"]
    with pytest.raises(FetchError, match=r"SHA256SUMS\.txt: no answer within 0\.2 s \(2 failed"):
        fetch_circor(tmp_path, base_url=circor.url, verbose=0, timeout=0.2, n_retries=1)


def test_no_server_is_told(circor, tmp_path):
    circor.close()
    host = circor.url.split("/")[2]
    with pytest.raises(
        FetchError, match=rf"{host}/SHA256SUMS\.txt: {host} cannot be reached: .*\(2 failed tries"
    ) as error:
        fetch_circor(tmp_path, base_url=circor.url, n_retries=1, **QUICK)
    text = str(error.value)
    assert len(text) < 200
    assert "\n" not in text
    assert "urllib3" not in text
    assert "Pool" not in text


def test_no_network_is_told(serve, tmp_path, monkeypatch, capsys):
    def no_names(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", no_names)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with pytest.raises(FetchError) as error:
        fetch_circor(tmp_path, base_url="https://sounds.example/1/", n_retries=2)
    reason = (
        "https://sounds.example/1/SHA256SUMS.txt: sounds.example cannot be reached: "
        "Name or service not known"
    )
    assert str(error.value) == (
        f"{reason} (3 failed tries). Call again to go on from there; what is verified so far stays."
    )
    assert capsys.readouterr().err.splitlines() == [
        f"{reason}; trying again in 0.01 s (1 of 3 tries failed)",
        f"{reason}; trying again in 0.02 s (2 of 3 tries failed)",
    ]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            requests.exceptions.ProxyError("Tunnel connection failed"),
            "h:1 cannot be reached through the proxy: Tunnel connection failed",
        ),
        (requests.exceptions.SSLError("bad\n certificate."), "h:1 cannot be reached safely: bad c"),
        (requests.ConnectionError("broke off after 3 of 9 bytes"), "the connection broke: broke"),
        (requests.exceptions.ChunkedEncodingError("x" * 900), "the connection broke: " + "x" * 100),
        (requests.exceptions.MissingSchema("Invalid URL 'h'"), "Invalid URL 'h'"),
        (requests.ConnectTimeout("... timed out. (...)"), "no answer within 5 s"),
    ],
)
def test_errors_are_told_in_a_line(error, message):
    told = _download._plain(error, 5.0, "https://h:1/x")
    assert told.startswith(message)
    assert len(told) <= len("the connection broke: ") + 100
    assert "\n" not in told


def test_unreachable_network_is_told_by_its_cause():
    error = requests.ConnectionError("HTTPSConnectionPool(...)")
    error.__context__ = OSError(errno.ENETUNREACH, "Network is unreachable")
    told = _download._plain(error, 5.0, "https://h/x")
    assert told == "h cannot be reached: Network is unreachable"


def test_status_is_told(circor, tmp_path):
    circor.plan[BIG] = ["503"]
    with pytest.raises(FetchError, match=r"11_AV\.wav: HTTP status 503 \(1 failed try\)"):
        fetch_circor(tmp_path, base_url=circor.url, n_retries=0, **QUICK)


def test_busy_server_is_asked_again(circor, tmp_path):
    circor.plan[BIG] = ["503", "503"]
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert len(circor.spans_of(BIG)) == 3


def test_missing_file_is_not_asked_for_again(circor, tmp_path):
    circor.plan["RECORDS"] = ["404"] * 9
    with pytest.raises(FetchError, match=r"RECORDS: HTTP status 404 .*Check `base_url`"):
        fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert len(circor.spans_of("RECORDS")) == 1


def test_wrong_sum_given_by_the_user_is_believed(circor, tmp_path):
    sums = parse_checksums(circor.files["SHA256SUMS.txt"].decode(), "test")
    sums["RECORDS"] = "0" * 64
    with pytest.raises(FetchError, match=rf"RECORDS: SHA-256 is [0-9a-f]+, expected {'0' * 64}"):
        fetch_circor(tmp_path, base_url=circor.url, checksums=sums, n_retries=0, **QUICK)
    assert circor.spans_of("SHA256SUMS.txt") == []


def test_list_from_a_file_and_from_another_address(serve, circor, tmp_path):
    path = tmp_path / "sums"
    path.write_bytes(circor.files["SHA256SUMS.txt"])
    fetch_circor(tmp_path / "one", base_url=circor.url, checksums=path, **QUICK)
    assert circor.spans_of("SHA256SUMS.txt") == []

    publisher = serve({"sums.txt": circor.files["SHA256SUMS.txt"]})
    for _ in range(2):
        fetch_circor(
            tmp_path / "two", base_url=circor.url, checksums=publisher.url + "sums.txt", **QUICK
        )
    assert circor.spans_of("SHA256SUMS.txt") == []
    assert publisher.asked == [("sums.txt", None)]
    # A list from elsewhere does not pass for this server's own.
    fetch_circor(tmp_path / "two", base_url=circor.url, **QUICK)
    assert circor.spans_of("SHA256SUMS.txt") == [None]


@pytest.mark.parametrize("name", ["../evil.wav", "/etc/evil", "a/../../evil", "a\\evil", "c:evil"])
def test_names_that_lead_out_of_the_folder_are_refused(serve, tmp_path, name):
    files = circor_files()
    files["SHA256SUMS.txt"] += f"{'0' * 64}  {name}\n".encode()
    server = serve(files)
    with pytest.raises(FetchError, match="leads out of the folder; nothing was fetched"):
        fetch_circor(tmp_path / "home", base_url=server.url, **QUICK)
    assert server.asked == [("SHA256SUMS.txt", None)]
    assert [p.name for p in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<html>Please log in</html>\n", "line 1: not a list of SHA-256 sums"),
        ("\n", "is empty"),
        (f"{'0' * 64} other.wav\n", r"names no training_data\.csv"),
    ],
)
def test_what_is_not_the_list_is_refused_and_not_kept(serve, tmp_path, text, message):
    server = serve({"SHA256SUMS.txt": text.encode()})
    with pytest.raises(FetchError, match=message):
        fetch_circor(tmp_path, base_url=server.url, **QUICK)
    assert not (folder_of(tmp_path) / "SHA256SUMS.txt").exists()


def test_sums_given_by_the_user_must_be_sums(tmp_path):
    with pytest.raises(FetchError, match="'abc' for RECORDS is not a SHA-256 sum"):
        fetch_circor(tmp_path, checksums={"RECORDS": "abc"}, **QUICK)
    assert list(tmp_path.iterdir()) == []


def test_list_in_every_form_that_sha256sum_writes():
    a, b = "0a" * 32, "0B" * 32
    assert parse_checksums(f"{a}  ./x/y z.wav\r\n\n{b} *w.csv\n", "test") == {
        "x/y z.wav": a,
        "w.csv": b.lower(),
    }


def test_full_disk_leaves_nothing_under_the_final_name(circor, tmp_path, monkeypatch):
    real_open = open

    class Full:
        def __init__(self, stream):
            self.stream = stream

        def __enter__(self):
            return self

        def __exit__(self, *args):
            self.stream.close()

        def write(self, data):
            raise OSError(28, "No space left on device")

    def full_open(path, mode="r", **kwargs):
        stream = real_open(path, mode, **kwargs)
        return Full(stream) if str(path).endswith("11_AV.wav.part") and mode != "rb" else stream

    monkeypatch.setattr(_download, "open", full_open, raising=False)
    with pytest.raises(FetchError, match=r"part: No space left on device; make room and call"):
        fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert not (folder_of(tmp_path) / BIG).exists()
    monkeypatch.undo()
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert (folder_of(tmp_path) / BIG).read_bytes() == circor.files[BIG]


def test_interrupt_leaves_only_whole_files(circor, tmp_path, monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(_download._Bar, "update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    monkeypatch.undo()
    for path in folder_of(tmp_path).rglob("*"):
        name = path.relative_to(folder_of(tmp_path)).as_posix()
        if name in circor.files:
            assert path.read_bytes() == circor.files[name]
    bunch = fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert len(bunch.paths) == 2


def test_two_fetches_do_not_share_a_folder(circor, tmp_path):
    folder_of(tmp_path).mkdir()
    with (
        locked(folder_of(tmp_path)),
        pytest.raises(FetchError, match="another fetch is at work"),
    ):
        fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert circor.asked == []
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)  # the lock is given back


def test_redirect_from_https_to_http_is_refused(tmp_path):
    class Response:
        url = "http://127.0.0.1/x"
        status_code = 200

    downloader = _download.Downloader(
        tmp_path, "https://127.0.0.1", n_connections=1, timeout=1, n_retries=0, verbose=0
    )
    with pytest.raises(FetchError, match="not https; refused"):
        downloader._check_response("https://127.0.0.1/x", Response())


def test_answer_that_ends_early_without_an_error_is_noticed(circor, tmp_path, monkeypatch):
    """As older versions of urllib3 let it pass: the body is short, and no exception comes."""
    whole = _download.Downloader._session(
        _download.Downloader(
            tmp_path, circor.url, n_connections=1, timeout=5, n_retries=0, verbose=0
        )
    )
    tries = []

    class Short:
        def get(self, url, **how):
            response = whole.get(url, **how)
            if url.endswith("RECORDS") and not tries:
                tries.append(url)
                body = response.content
                response.iter_content = lambda size: [body[:5]]
            return response

    monkeypatch.setattr(_download.Downloader, "_session", lambda self: Short())
    fetch_circor(tmp_path, base_url=circor.url, n_connections=1, n_retries=0, **QUICK)
    assert circor.spans_of("RECORDS") == [None, "bytes=5-"]


def test_wrong_range_is_not_appended(circor, tmp_path, monkeypatch):
    part = folder_of(tmp_path) / (BIG + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(circor.files[BIG][:1000])
    head = Server.head
    spans = []

    def shifted(request, status, length, span=None):
        if span and not spans:
            spans.append(span)
            span = span.replace("bytes 1000-", "bytes 0-")
        head(request, status, length, span)

    monkeypatch.setattr(Server, "head", staticmethod(shifted))
    fetch_circor(tmp_path, base_url=circor.url, **QUICK)
    assert circor.spans_of(BIG) == ["bytes=1000-", None]
    assert (folder_of(tmp_path) / BIG).read_bytes() == circor.files[BIG]


def test_progress_on_standard_error_and_silence(circor, tmp_path, capsys):
    fetch_circor(tmp_path / "loud", base_url=circor.url, verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "8 of 8 files to fetch" in err
    assert "8/8" in err
    assert "MB" in err
    fetch_circor(tmp_path / "quiet", base_url=circor.url, verbose=0)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_connections": 0}, "`n_connections` must be an int of at least 1. Got 0"),
        ({"n_retries": 1.5}, "`n_retries` must be an int of at least 0. Got 1.5"),
        ({"timeout": 0}, "`timeout` must be a number of at least 0.001. Got 0"),
        ({"target": "sex"}, "`target` must be one of 'murmur', 'outcome'. Got 'sex'"),
    ],
)
def test_wrong_parameters(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        fetch_circor(tmp_path, **wrong)
    assert list(tmp_path.iterdir()) == []


def test_fetch_physionet2016_takes_what_is_asked_for(serve, tmp_path):
    server = serve(
        with_list(
            {
                "LICENSE.txt": b"ODC-By",
                "training.zip": b"the same again",
                "annotations/Online_Appendix_training_set.csv": (
                    b"\xef\xbb\xbfChallenge record name,Database,Subject ID\nb0001,training-b,7\n"
                ),
                "training-a/REFERENCE.csv": b"a0001,1\n",
                "training-a/a0001.wav": wav(100, 2000),
                "training-a/a0001.dat": b"the same again",
                "training-b/REFERENCE.csv": b"b0001,-1\n",
                "training-b/REFERENCE-SQI.csv": b"b0001,-1,0\n",
                "training-b/RECORDS": b"b0001\n",
                "training-b/b0001.wav": wav(100, 2000),
                "validation/REFERENCE.csv": b"a0001,1\n",
                "validation/a0001.wav": wav(100, 2000),
            }
        )
    )
    bunch = fetch_physionet2016(tmp_path, databases=["b"], base_url=server.url, **QUICK)
    assert sorted(name for name, _ in server.asked) == [
        "LICENSE.txt",
        "SHA256SUMS.txt",
        "annotations/Online_Appendix_training_set.csv",
        "training-b/RECORDS",
        "training-b/REFERENCE-SQI.csv",
        "training-b/REFERENCE.csv",
        "training-b/b0001.wav",
    ]
    assert bunch.target.tolist() == [-1]
    assert bunch.groups.tolist() == ["b-S7"]

    server.asked.clear()
    with pytest.warns(UserWarning, match="1 of 2 recordings are not known"):
        bunch = fetch_physionet2016(tmp_path, base_url=server.url, **QUICK)
    assert bunch.database.tolist() == ["training-a", "training-b"]
    assert sorted(n for n, _ in server.asked) == [
        "training-a/REFERENCE.csv",
        "training-a/a0001.wav",
    ]

    server.asked.clear()
    with pytest.warns(UserWarning, match="not known"):
        bunch = fetch_physionet2016(tmp_path, subset="validation", base_url=server.url, **QUICK)
    assert bunch.database.tolist() == ["training-a"]
    assert all(name.startswith("validation/") for name, _ in server.asked)
