"""Fetching from a server that corrupts, stalls and lies, onto disks that fail."""

import errno
import hashlib
import socket

import pytest
import requests

from skheart.datasets import _download, fetch_circor
from skheart.datasets._download import FetchError, locked, parse_checksums
from tests.helpers.server import BIG, QUICK, Server, circor_files, folder_of, partial_files


def test_corrupt_bytes_leave_no_file_and_name_both_sums(published, tmp_path):
    published.plan[BIG] = ["corrupt"] * 3
    good = hashlib.sha256(published.files[BIG]).hexdigest()
    data = published.files[BIG]
    bad = hashlib.sha256(data[:-1] + bytes([data[-1] ^ 1])).hexdigest()
    with pytest.raises(FetchError) as error:
        fetch_circor(tmp_path, base_url=published.url, n_retries=2, **QUICK)
    assert f"{BIG}: SHA-256 is {bad}, expected {good} (3 failed tries)" in str(error.value)
    assert not (folder_of(tmp_path) / BIG).exists()
    assert "11_AV.wav.part" not in partial_files(tmp_path)
    assert len(published.spans_of(BIG)) == 3


def test_corrupt_once_then_good(published, tmp_path):
    published.plan[BIG] = ["corrupt"]
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert published.spans_of(BIG) == [None, None]  # from the start: nothing of it is trusted
    assert (folder_of(tmp_path) / BIG).read_bytes() == published.files[BIG]


def test_broken_and_corrupt_by_turns_comes_to_an_end(published, tmp_path):
    published.plan[BIG] = ["break", "corrupt"] * 20
    with pytest.raises(FetchError, match="SHA-256 is"):
        fetch_circor(tmp_path, base_url=published.url, n_retries=2, **QUICK)
    # One break that got further than any before it, and three that count.
    assert len(published.spans_of(BIG)) == 4


def test_stalled_server_is_left_and_resumed(published, tmp_path):
    published.plan[BIG] = ["stall"]
    fetch_circor(tmp_path, base_url=published.url, verbose=0, timeout=0.3)
    spans = published.spans_of(BIG)
    assert len(spans) == 2
    assert spans[1].startswith("bytes=")
    assert (folder_of(tmp_path) / BIG).read_bytes() == published.files[BIG]


def test_server_that_stays_silent_is_told(published, tmp_path):
    published.plan["SHA256SUMS.txt"] = ["stall", "stall"]
    with pytest.raises(FetchError, match=r"SHA256SUMS\.txt: no answer within 0\.2 s \(2 failed"):
        fetch_circor(tmp_path, base_url=published.url, verbose=0, timeout=0.2, n_retries=1)


def test_no_server_is_told(published, tmp_path):
    published.close()
    host = published.url.split("/")[2]
    with pytest.raises(
        FetchError, match=rf"{host}/SHA256SUMS\.txt: {host} cannot be reached: .*\(2 failed tries"
    ) as error:
        fetch_circor(tmp_path, base_url=published.url, n_retries=1, **QUICK)
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


def test_status_is_told(published, tmp_path):
    published.plan[BIG] = ["503"]
    with pytest.raises(FetchError, match=r"11_AV\.wav: HTTP status 503 \(1 failed try\)"):
        fetch_circor(tmp_path, base_url=published.url, n_retries=0, **QUICK)


def test_busy_server_is_asked_again(published, tmp_path):
    published.plan[BIG] = ["503", "503"]
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert len(published.spans_of(BIG)) == 3


def test_missing_file_is_not_asked_for_again(published, tmp_path):
    published.plan["RECORDS"] = ["404"] * 9
    with pytest.raises(FetchError, match=r"RECORDS: HTTP status 404 .*Check `base_url`"):
        fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert len(published.spans_of("RECORDS")) == 1


def test_wrong_sum_given_by_the_user_is_believed(published, tmp_path):
    sums = parse_checksums(published.files["SHA256SUMS.txt"].decode(), "test")
    sums["RECORDS"] = "0" * 64
    with pytest.raises(FetchError, match=rf"RECORDS: SHA-256 is [0-9a-f]+, expected {'0' * 64}"):
        fetch_circor(tmp_path, base_url=published.url, checksums=sums, n_retries=0, **QUICK)
    assert published.spans_of("SHA256SUMS.txt") == []


def test_list_from_a_file_and_from_another_address(serve, published, tmp_path):
    path = tmp_path / "sums"
    path.write_bytes(published.files["SHA256SUMS.txt"])
    fetch_circor(tmp_path / "one", base_url=published.url, checksums=path, **QUICK)
    assert published.spans_of("SHA256SUMS.txt") == []

    publisher = serve({"sums.txt": published.files["SHA256SUMS.txt"]})
    for _ in range(2):
        fetch_circor(
            tmp_path / "two", base_url=published.url, checksums=publisher.url + "sums.txt", **QUICK
        )
    assert published.spans_of("SHA256SUMS.txt") == []
    assert publisher.asked == [("sums.txt", None)]
    # A list from elsewhere does not pass for this server's own.
    fetch_circor(tmp_path / "two", base_url=published.url, **QUICK)
    assert published.spans_of("SHA256SUMS.txt") == [None]


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


def test_full_disk_leaves_nothing_under_the_final_name(published, tmp_path, monkeypatch):
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
        fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert not (folder_of(tmp_path) / BIG).exists()
    monkeypatch.undo()
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert (folder_of(tmp_path) / BIG).read_bytes() == published.files[BIG]


def test_interrupt_leaves_only_whole_files(published, tmp_path, monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(_download._Bar, "update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch_circor(tmp_path, base_url=published.url, **QUICK)
    monkeypatch.undo()
    for path in folder_of(tmp_path).rglob("*"):
        name = path.relative_to(folder_of(tmp_path)).as_posix()
        if name in published.files:
            assert path.read_bytes() == published.files[name]
    bunch = fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert len(bunch.paths) == 2


def test_two_fetches_do_not_share_a_folder(published, tmp_path):
    folder_of(tmp_path).mkdir()
    with (
        locked(folder_of(tmp_path)),
        pytest.raises(FetchError, match="another fetch is at work"),
    ):
        fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert published.asked == []
    fetch_circor(tmp_path, base_url=published.url, **QUICK)  # the lock is given back


def test_redirect_from_https_to_http_is_refused(tmp_path):
    class Response:
        url = "http://127.0.0.1/x"
        status_code = 200

    downloader = _download.Downloader(
        tmp_path, "https://127.0.0.1", n_connections=1, timeout=1, n_retries=0, verbose=0
    )
    with pytest.raises(FetchError, match="not https; refused"):
        downloader._check_response("https://127.0.0.1/x", Response())


def test_answer_that_ends_early_without_an_error_is_noticed(published, tmp_path, monkeypatch):
    """As older versions of urllib3 let it pass: the body is short, and no exception comes."""
    whole = _download.Downloader._session(
        _download.Downloader(
            tmp_path, published.url, n_connections=1, timeout=5, n_retries=0, verbose=0
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
    fetch_circor(tmp_path, base_url=published.url, n_connections=1, n_retries=0, **QUICK)
    assert published.spans_of("RECORDS") == [None, "bytes=5-"]


def test_wrong_range_is_not_appended(published, tmp_path, monkeypatch):
    part = folder_of(tmp_path) / (BIG + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(published.files[BIG][:1000])
    head = Server.head
    spans = []

    def shifted(request, status, length, span=None):
        if span and not spans:
            spans.append(span)
            span = span.replace("bytes 1000-", "bytes 0-")
        head(request, status, length, span)

    monkeypatch.setattr(Server, "head", staticmethod(shifted))
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert published.spans_of(BIG) == ["bytes=1000-", None]
    assert (folder_of(tmp_path) / BIG).read_bytes() == published.files[BIG]
