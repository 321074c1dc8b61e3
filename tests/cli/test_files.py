"""Files are written completely or not at all."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

import skheart
from skheart._utils import files
from skheart._utils.files import MODEL, check_output, open_atomic

ROOT = Path(__file__).parents[2]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_threads_may_save_to_one_path(tmp_path):
    rng = np.random.default_rng(0)
    forest = RandomForestClassifier(3, random_state=0)
    forest.fit(rng.normal(size=(50, 4)), rng.integers(0, 2, 50))
    path, failures = tmp_path / "model.safetensors", []
    skheart.save(forest, path)

    def work(function, *args):
        for _ in range(15):
            try:
                function(*args)
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=work, args=(skheart.save, forest, path)) for _ in range(4)]
    threads.append(threading.Thread(target=work, args=(skheart.load, path)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names(tmp_path) == ["model.safetensors"]


def test_modes_links_and_long_names(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    with open_atomic(link, "w") as file:
        file.write("new")
    assert link.is_symlink()
    assert (real.read_text(), real.stat().st_mode & 0o777) == ("new", 0o640)
    before = os.umask(0o027)
    try:
        with open_atomic(tmp_path / ("n" * 255), "wb") as file:
            file.write(b"long")
    finally:
        os.umask(before)
    assert (tmp_path / ("n" * 255)).stat().st_mode & 0o777 == 0o640
    assert len(names(tmp_path)) == 3


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")

    def write():
        with open_atomic(path, "w") as file:
            file.write("new")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write()
    assert (path.read_text(), names(tmp_path)) == ("old", ["a"])


def test_a_full_disk_is_found_before(tmp_path, monkeypatch):
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    code = (
        "import sys; from skheart._utils.files import MODEL, check_output;"
        "check_output(sys.argv[1], [], MODEL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model")],
        preexec_fn=limited, capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert "model cannot be written to the folder" in done.stderr
    assert names(tmp_path) == []
    monkeypatch.setattr(files, "LEAST_FREE", 1 << 60)
    with pytest.raises(ValueError, match=r"MiB left, and -o may need .*make room"):
        check_output(tmp_path / "model", [], MODEL)


def test_names_that_are_too_long(tmp_path):
    with pytest.raises(ValueError, match="name of 256 bytes, and file systems allow 255"):
        check_output(tmp_path / ("n" * 256), [], MODEL)
    check_output(tmp_path / ("n" * 255), [], MODEL)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 143, "terminated"),
        (signal.SIGINT, 130, "interrupted"),
    ],
)
def test_a_signal_leaves_no_temporary_file(tmp_path, number, status, word):
    """The command is stopped while it writes; a subprocess writes in place of a verb."""
    code = (
        "import sys, time; from skheart.cli import _main\n"
        "from skheart._utils.files import open_atomic\n"
        "def run(args):\n"
        "    with open_atomic(args.output, 'w') as file:\n"
        "        file.write('half'); file.flush(); print('ready', flush=True); time.sleep(60)\n"
        "_main.run = run\n"
        "sys.exit(_main.main(['predict', 'model', 'x.wav', '-o', sys.argv[1]]))"
    )
    path = tmp_path / "out.csv"
    path.write_text("old")
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    assert len(names(tmp_path)) == 2
    time.sleep(0.1)
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == status
    assert error == f"skheart: error: {word}. {path} is as it was before\n"
    assert (path.read_text(), names(tmp_path)) == ("old", ["out.csv"])
