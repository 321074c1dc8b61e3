"""Downloads from a local server: verified, atomic, never repeated, with useful errors."""

import contextlib
import hashlib
import io
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from skheart.datasets import FetchError, _download, fetch_circor, fetch_physionet2016
from skheart.datasets._download import parse_checksums
from tests.helpers.server import BIG, circor_files, wav, with_checksums

LIST = "SHA256SUMS.txt"
ENDLESS_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def fetch(server, home, **settings):
    return fetch_circor(home, **{"base_url": server.url, "verbose": 0, "timeout": 5.0, **settings})


def folder_of(home):
    return home / "circor-heart-sound-1.0.3"


def content(home):
    """Return the files of the folder, without the kept lists of checksums."""
    files = [path for path in folder_of(home).rglob("*") if path.is_file()]
    return {
        path.relative_to(folder_of(home)).as_posix(): path.read_bytes()
        for path in files
        if not path.name.startswith("SHA256SUMS-")
    }


def data_files(server):
    return {name: data for name, data in server.files.items() if name != LIST}


def checksums_of(server):
    return {n: hashlib.sha256(data).hexdigest() for n, data in data_files(server).items()}


# ---------------------------------------------------------------------- what is fetched


def test_the_published_files_are_downloaded_and_loaded(published, tmp_path):
    bunch = fetch(published, tmp_path)
    assert content(tmp_path) == data_files(published)
    assert bunch.target.tolist() == ["Present", "Absent"]
    assert bunch.paths[0] == str(folder_of(tmp_path) / BIG)
    assert sorted(published.requested) == sorted(published.files)  # each of them once
    paths, y = fetch(published, tmp_path, target="outcome", return_X_y=True)
    assert (paths, y.tolist()) == (bunch.paths, ["Abnormal", "Normal"])


def test_another_call_needs_no_network_and_writes_nothing(published, tmp_path, monkeypatch):
    first = fetch(published, tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}

    def no_network(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.socket.connect", no_network)
    assert fetch(published, tmp_path).paths == first.paths
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_only_missing_and_changed_files_are_downloaded_again(published, tmp_path):
    fetch(published, tmp_path)
    records = folder_of(tmp_path) / "RECORDS"
    before = records.stat()
    records.write_bytes(b"x" * before.st_size)
    os.utime(records, ns=(before.st_atime_ns, before.st_mtime_ns))
    (folder_of(tmp_path) / "training_data.csv").unlink()
    published.requested.clear()
    with pytest.warns(UserWarning, match=r"1 file\(s\) differed .* such as RECORDS") as caught:
        fetch(published, tmp_path)
    assert caught[0].filename == __file__
    assert sorted(published.requested) == ["RECORDS", "training_data.csv"]
    assert content(tmp_path) == data_files(published)


def test_files_have_the_permissions_of_other_new_files(published, tmp_path):
    fetch(published, tmp_path)
    (tmp_path / "new").touch()
    assert (folder_of(tmp_path) / BIG).stat().st_mode == (tmp_path / "new").stat().st_mode


def test_several_calls_can_share_a_folder(published, tmp_path):
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(fetch, published, tmp_path) for _ in range(3)]
        assert {tuple(job.result().paths) for job in jobs} == {tuple(jobs[0].result().paths)}
    assert content(tmp_path) == data_files(published)


def test_progress_goes_to_standard_error_unless_silent(published, tmp_path, capsys):
    fetch(published, tmp_path / "verbose", verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "CirCor DigiScope 1.0.3" in err
    assert "8/8" in err
    fetch(published, tmp_path / "silent", verbose=0)
    assert capsys.readouterr() == ("", "")


def test_physionet2016_selects_databases_and_leaves_out_archives(serve, tmp_path):
    recording = wav(100, 2000)
    server = serve(
        with_checksums(
            {
                "LICENSE.txt": b"ODC-By",
                "training.zip": b"the same again",
                "annotations/Online_Appendix_training_set.csv": (
                    b"\xef\xbb\xbfChallenge record name,Database,Subject ID\nb0001,training-b,7\n"
                ),
                "training-a/REFERENCE.csv": b"a0001,1\n",
                "training-a/a0001.wav": recording,
                "training-a/a0001.dat": b"the same again",
                "training-b/REFERENCE.csv": b"b0001,-1\n",
                "training-b/REFERENCE-SQI.csv": b"b0001,-1,0\n",
                "training-b/RECORDS": b"b0001\n",
                "training-b/b0001.wav": recording,
                "validation/REFERENCE.csv": b"a0001,1\n",
                "validation/a0001.wav": recording,
            }
        )
    )

    def fetch_part(**selection):
        server.requested.clear()
        return fetch_physionet2016(tmp_path, base_url=server.url, verbose=0, **selection)

    bunch = fetch_part(databases=["b"])
    about = {LIST, "LICENSE.txt", "annotations/Online_Appendix_training_set.csv"}
    of_b = {f"training-b/{n}" for n in ("RECORDS", "REFERENCE-SQI.csv", "REFERENCE.csv")}
    assert set(server.requested) == about | of_b | {"training-b/b0001.wav"}
    assert (bunch.target.tolist(), bunch.groups.tolist()) == ([-1], ["b-S7"])
    with pytest.warns(UserWarning, match="1 of 2 recordings are unknown"):
        bunch = fetch_part()
    assert bunch.database.tolist() == ["training-a", "training-b"]
    assert set(server.requested) == {"training-a/REFERENCE.csv", "training-a/a0001.wav"}
    with pytest.warns(UserWarning, match="unknown|copy"):
        bunch = fetch_part(subset="validation")
    assert bunch.database.tolist() == ["training-a"]
    assert {name.partition("/")[0] for name in server.requested} == {"validation"}


# ---------------------------------------------------------------------- lists of checksums


def test_the_list_of_checksums_may_come_from_elsewhere(serve, published, tmp_path):
    path = tmp_path / "sums"
    path.write_bytes(published.files[LIST])
    fetch(published, tmp_path / "one", checksums=path)
    publisher = serve({"sums.txt": published.files[LIST]})
    for _ in range(2):
        fetch(published, tmp_path / "two", checksums=publisher.url + "sums.txt")
    assert publisher.requested == ["sums.txt"]
    assert LIST not in published.requested
    fetch(published, tmp_path / "two")  # the list of another server is not reused for this one
    assert published.requested.count(LIST) == 1


def test_a_checksum_given_by_the_user_counts(published, tmp_path):
    sums = checksums_of(published) | {"RECORDS": "0" * 64}
    with pytest.raises(FetchError, match=rf"RECORDS: .*expected {'0' * 64} but got [0-9a-f]+"):
        fetch(published, tmp_path, checksums=sums, n_retries=0)
    assert LIST not in published.requested


def test_lists_are_read_as_sha256sum_writes_them():
    a, b = "0a" * 32, "0B" * 32
    text = f"{a}  ./x/y z.wav\r\n\n{b} *w.csv\n"
    assert parse_checksums(text, "test", "w.csv") == {"x/y z.wav": a, "w.csv": b.lower()}


@pytest.mark.parametrize("name", ["../evil.wav", "/etc/evil", "a/../../evil", "a\\evil", "c:evil"])
def test_names_that_lead_out_of_the_folder_are_refused(serve, tmp_path, name):
    files = circor_files()
    files[LIST] += f"{'0' * 64}  {name}\n".encode()
    server = serve(files)
    with pytest.raises(FetchError, match="leads out of the folder. Nothing was downloaded"):
        fetch(server, tmp_path / "home")
    assert server.requested == [LIST]
    assert [p.name for p in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<html>Please log in</html>\n", "line 1 is not a SHA-256 sum and a file name"),
        ("\n", r"does not contain training_data\.csv"),
        (f"{'0' * 64} other.wav\n", r"does not contain training_data\.csv"),
    ],
)
def test_a_wrong_list_is_refused_and_not_kept(serve, tmp_path, text, message):
    server = serve({LIST: text.encode()})
    for _ in range(2):
        with pytest.raises(FetchError, match=message):
            fetch(server, tmp_path)
    assert server.requested == [LIST, LIST]


def test_checksums_must_be_sha256_sums(tmp_path):
    with pytest.raises(FetchError, match=r"'abc' for training_data\.csv is not a SHA-256 sum"):
        fetch_circor(tmp_path, checksums={"training_data.csv": "abc"})
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------- faults


@pytest.mark.parametrize("fault", ["corrupt", "break", "stall", 503, 429])
def test_a_passing_fault_is_tried_again(published, tmp_path, fault):
    published.faults[BIG] = [fault]
    fetch(published, tmp_path, timeout=0.3)
    assert published.requested.count(BIG) == 2
    assert content(tmp_path) == data_files(published)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("corrupt", "expected {good} but got {bad}"),
        ("break", "IncompleteRead"),
        ("stall", "timed out"),
        (503, "503 Server Error"),
    ],
)
def test_a_lasting_fault_leaves_no_file(published, tmp_path, fault, message):
    good = published.files[BIG]
    bad = good[:-1] + bytes([good[-1] ^ 1])
    sums = {"good": hashlib.sha256(good).hexdigest(), "bad": hashlib.sha256(bad).hexdigest()}
    published.faults[BIG] = [fault] * 3
    with pytest.raises(FetchError) as error:
        fetch(published, tmp_path, timeout=0.3, n_retries=2)
    assert str(error.value).startswith(published.url + BIG)
    assert message.format(**sums) in str(error.value)
    assert "(3 attempts)" in str(error.value)
    assert "\n" not in str(error.value)
    assert published.requested.count(BIG) == 3
    assert content(tmp_path).items() <= data_files(published).items()  # only whole files
    fetch(published, tmp_path)  # goes on with the rest
    assert content(tmp_path) == data_files(published)


def test_a_missing_file_is_not_tried_again(published, tmp_path):
    published.faults["RECORDS"] = [404]
    with pytest.raises(FetchError, match=r"RECORDS: HTTP status 404 .*Check base_url"):
        fetch(published, tmp_path)
    assert published.requested.count("RECORDS") == 1


@pytest.mark.parametrize(("limit", "value"), [("_MAX_BYTES", 1000), ("_MAX_SECONDS", 0.2)])
def test_a_file_is_bounded_in_bytes_and_time(published, tmp_path, monkeypatch, limit, value):
    monkeypatch.setattr(_download, limit, value)
    published.faults[LIST] = ["trickle"] if limit == "_MAX_SECONDS" else []
    with pytest.raises(FetchError, match=rf"stopped, because a file may have .*{value}"):
        fetch(published, tmp_path)


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nX: ", ENDLESS_CHUNK], ids=str)
def test_an_answer_that_never_begins_is_bounded_in_time(tmp_path, monkeypatch, sent):
    """Each byte comes in time, which a timeout of the socket accepts for ever."""
    monkeypatch.setattr(_download, "_MAX_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(sent)
                while True:
                    connection.sendall(b"0")
                    time.sleep(0.02)

        threading.Thread(target=trickle, daemon=True).start()
        start = time.monotonic()
        with pytest.raises(FetchError, match="stopped, because a file may have"):
            fetch_circor(
                tmp_path, base_url=f"http://127.0.0.1:{server.getsockname()[1]}/", verbose=0
            )
        assert time.monotonic() - start < 10


def test_an_unreachable_server_is_named(published, tmp_path, monkeypatch):
    published.close()
    with pytest.raises(FetchError, match=f"{published.url}{LIST}: Connection refused"):
        fetch(published, tmp_path, n_retries=1)

    def no_names(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", no_names)
    with pytest.raises(FetchError) as error:
        fetch(published, tmp_path, base_url="https://sounds.example/1/", n_retries=2)
    assert str(error.value) == (
        "https://sounds.example/1/SHA256SUMS.txt: Name or service not known (3 attempts). Check "
        "the network connection and base_url, and call again; files verified so far are kept."
    )


def test_a_full_disk_leaves_no_file(published, tmp_path, monkeypatch):
    class FullDisk:
        def __init__(self, path, mode):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *args):
            pass

        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(_download, "open", FullDisk, raising=False)
    with pytest.raises(FetchError, match="No space left on device. Make sure that the disk"):
        fetch(published, tmp_path)
    assert content(tmp_path) == {}


def test_an_interrupt_leaves_whole_files_only(published, tmp_path, monkeypatch):
    def interrupt(self, number):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tqdm.tqdm.update", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch(published, tmp_path, checksums=checksums_of(published), verbose=1)
    assert content(tmp_path).items() <= data_files(published).items()
    assert len(fetch(published, tmp_path).paths) == 2


def test_a_redirect_to_an_unencrypted_address_is_refused(tmp_path, monkeypatch):
    answer = requests.Response()
    answer.url, answer.status_code, answer.raw = "http://127.0.0.1/x", 200, io.BytesIO()
    monkeypatch.setattr(requests.Session, "get", lambda self, url, **settings: answer)
    with pytest.raises(FetchError, match="which is not https"):
        fetch_circor(tmp_path, base_url="https://127.0.0.1", verbose=0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_connections": 0}, "n_connections must be an integer of at least 1. Got 0"),
        ({"n_retries": 1.5}, "n_retries must be an integer of at least 0. Got 1.5"),
        ({"timeout": 0}, "timeout must be a finite number of at least 0.001. Got 0"),
        ({"target": "sex"}, r"target must be one of \('murmur', 'outcome'\). Got 'sex'"),
        ({"base_url": "physionet.org"}, "base_url must start with https:// or http://"),
    ],
)
def test_invalid_parameters(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        fetch_circor(tmp_path, **wrong)
    assert list(tmp_path.iterdir()) == []
