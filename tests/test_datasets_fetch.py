"""Fetching from a server of the published layout: whole, resumed, and offline."""

import pytest

from skheart.datasets import _download, fetch_circor, fetch_physionet2016
from skheart.datasets._download import FetchError
from tests.helpers.server import BIG, QUICK, folder_of, partial_files, wav, with_list


def test_fetch_gives_the_published_files_and_loads_them(published, tmp_path):
    bunch = fetch_circor(tmp_path, base_url=published.url, **QUICK)
    for name, data in published.files.items():
        assert (folder_of(tmp_path) / name).read_bytes() == data
    assert bunch.target.tolist() == ["Present", "Absent"]
    assert bunch.paths[0] == str(folder_of(tmp_path) / BIG)
    assert partial_files(tmp_path) == []
    # Each file once, and nothing but what the list names.
    assert sorted(name for name, _ in published.asked) == sorted(published.files)


def test_target_and_return_X_y_reach_the_loader(published, tmp_path):
    paths, y = fetch_circor(
        tmp_path, target="outcome", return_X_y=True, base_url=published.url, **QUICK
    )
    assert y.tolist() == ["Abnormal", "Normal"]
    assert len(paths) == 2


def test_second_call_uses_no_network(published, tmp_path, monkeypatch):
    first = fetch_circor(tmp_path, base_url=published.url, **QUICK)
    n_asked = len(published.asked)
    published.close()

    def no_network(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.socket.connect", no_network)
    second = fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert second.paths == first.paths
    assert len(published.asked) == n_asked


def test_second_call_writes_nothing(published, tmp_path):
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_only_what_is_lost_is_fetched_again(published, tmp_path):
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    (folder_of(tmp_path) / "RECORDS").unlink()
    (folder_of(tmp_path) / "training_data.csv").write_bytes(b"cut off")
    published.asked.clear()
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert sorted(name for name, _ in published.asked) == ["RECORDS", "training_data.csv"]
    assert (folder_of(tmp_path) / "RECORDS").read_bytes() == published.files["RECORDS"]


def test_files_without_a_stamp_are_verified_not_fetched(published, tmp_path):
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    (folder_of(tmp_path) / _download.STAMP).unlink()
    (folder_of(tmp_path) / "RECORDS").write_bytes(b"x" * len(published.files["RECORDS"]))
    published.asked.clear()
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    # Of the same size, but of another content.
    assert sorted(name for name, _ in published.asked) == ["RECORDS", "SHA256SUMS.txt"]


def test_broken_connection_is_resumed_where_it_ended(published, tmp_path):
    published.plan[BIG] = ["break", "break"]
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert (folder_of(tmp_path) / BIG).read_bytes() == published.files[BIG]
    spans = published.spans_of(BIG)
    assert spans[0] is None
    starts = [int(span.removeprefix("bytes=").rstrip("-")) for span in spans[1:]]
    assert len(starts) == 2
    # All but the last chunk of what was sent is kept, and the second try goes on from the first.
    half = len(published.files[BIG]) // 2
    assert half - _download._CHUNK < starts[0] <= half
    assert starts[0] < starts[1]


def test_tries_that_get_further_are_not_counted(published, tmp_path):
    published.plan[BIG] = ["break", "break"]
    fetch_circor(tmp_path, base_url=published.url, n_retries=0, **QUICK)
    assert (folder_of(tmp_path) / BIG).read_bytes() == published.files[BIG]


def test_interrupted_call_is_resumed_by_the_next(published, tmp_path):
    published.plan[BIG] = ["break", "404"]
    with pytest.raises(FetchError, match=r"11_AV\.wav: HTTP status 404"):
        fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert not (folder_of(tmp_path) / BIG).exists()
    assert "11_AV.wav.part" in partial_files(tmp_path)
    part = (folder_of(tmp_path) / (BIG + ".part")).stat().st_size
    published.asked.clear()
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert published.spans_of(BIG) == [f"bytes={part}-"]
    assert published.spans_of("SHA256SUMS.txt") == []
    assert (folder_of(tmp_path) / BIG).read_bytes() == published.files[BIG]


def test_server_that_ignores_ranges_starts_the_file_anew(published, tmp_path):
    published.plan[BIG] = ["break", "no range"]
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert published.spans_of(BIG)[1].startswith("bytes=")
    assert (folder_of(tmp_path) / BIG).read_bytes() == published.files[BIG]


@pytest.mark.parametrize(
    "left", [b"", b"another file that begins differently", wav(150_000, seed=1), wav(200_000)]
)
def test_partial_files_of_any_content_end_well(published, tmp_path, left):
    part = folder_of(tmp_path) / (BIG + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    fetch_circor(tmp_path, base_url=published.url, **QUICK)
    assert (folder_of(tmp_path) / BIG).read_bytes() == published.files[BIG]


def test_progress_on_standard_error_and_silence(published, tmp_path, capsys):
    fetch_circor(tmp_path / "loud", base_url=published.url, verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "8 of 8 files to fetch" in err
    assert "8/8" in err
    assert "MB" in err
    fetch_circor(tmp_path / "quiet", base_url=published.url, verbose=0)
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
