"""The runner of the benchmarks, on fakes; the benchmarks themselves take minutes."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

from benchmarks import __main__ as runner  # noqa: E402
from benchmarks import _measure  # noqa: E402
from benchmarks._measure import Row  # noqa: E402

FAKES = {
    "good": "def run(small=False):\n"
    "    print('chatter')\n"
    "    ours = 8.0 if small else 16.0\n"
    "    return [Row('fast', 'rows/s', ours, {'peer': 4.0}, ours / 4, 2.0, limit=20.0)]",
    "slow": "def run(small=False):\n    return [Row('small', 'MiB', 30.0, {}, 30.0, 10.0, True)]",
    "broken": "def run(small=False):\n    raise ValueError('no\\n  such thing')",
    "killed": "import os\ndef run(small=False):\n    os._exit(3)",
    "peerless": "def run(small=False):\n    import no_such_peer.inside",
    "misspelt": "def run(small=False):\n    import skheart.no_such_module",
    "elsewhere": "def run(small=False):\n    raise LeftOut('torch sees no CUDA device')",
}


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """Benchmarks of a few lines, in a folder that fresh processes import from."""
    for name, code in FAKES.items():
        text = f"from benchmarks._measure import LeftOut, Row\n{code}\n"
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.fixture
def only(fakes, monkeypatch):
    """Run the runner as if the benchmarks were these fakes."""
    measure = runner.measure

    def main(names, *arguments):
        monkeypatch.setattr(runner, "benchmark_names", lambda: names)
        monkeypatch.setattr(
            runner,
            "measure",
            lambda name, full: measure(name.removeprefix("benchmarks.claims."), full),
        )
        return runner.main(list(arguments))

    return main


def test_every_module_of_the_folder_is_listed():
    files = {
        path.stem for path in (ROOT / "benchmarks" / "claims").iterdir() if path.suffix == ".py"
    }
    listed = runner.benchmark_names()
    assert {*listed} == {name for name in files if not name.startswith("_")}
    assert len(listed) > 5
    assert listed == sorted(listed)


@pytest.mark.parametrize("name", runner.benchmark_names())
def test_a_benchmark_states_its_claim_and_runs_alone(name):
    tree = ast.parse((ROOT / "benchmarks" / "claims" / f"{name}.py").read_text(encoding="utf-8"))
    text = ast.get_docstring(tree)
    assert text.startswith("Claim: ")
    assert text.splitlines()[0].endswith(".")
    assert f"python -m benchmarks.claims.{name}" in text
    (run,) = (node for node in tree.body if getattr(node, "name", "") == "run")
    assert run.args.args[0].arg == "small"
    assert len(run.args.defaults) == len(run.args.args)
    assert ast.unparse(tree.body[-1].test) == "__name__ == '__main__'"


def test_rows_come_back_from_a_fresh_process(fakes, capfd):
    small, full = runner.measure("good"), runner.measure("good", full=True)
    assert small == ([Row("fast", "rows/s", 8.0, {"peer": 4.0}, 2.0, 2.0, limit=20.0)], "", False)
    assert full.rows[0].ours == 16.0
    out, err = capfd.readouterr()
    assert out == ""
    assert "chatter" in err


@pytest.mark.parametrize(
    ("name", "note", "failed"),
    [
        ("broken", "failed: ValueError: no such thing", True),
        ("killed", "failed: the process ended with status 3", True),
        ("peerless", "not run: needs no_such_peer, python -m pip install '.[bench]'", True),
        ("misspelt", "failed: ModuleNotFoundError: No module named 'skheart.no_such_module'", True),
        ("elsewhere", "left out: torch sees no CUDA device", False),
    ],
)
def test_what_does_not_run_is_noted(fakes, name, note, failed):
    assert runner.measure(name) == ([], note, failed)


def test_a_failure_stops_no_other(only, capsys):
    assert only(["broken", "elsewhere", "good"]) == 1
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert " ".join(lines[0].split()) == "benchmark claim ours unit limit value bar peers"
    assert lines[1].split(maxsplit=1) == ["broken", "failed: ValueError: no such thing"]
    assert lines[2].split(maxsplit=1) == ["elsewhere", "left out: torch sees no CUDA device"]
    assert " ".join(lines[3].split()) == "good fast 8 rows/s 20 2 >= 2 holds peer 4"
    assert lines[4].startswith("1 claims, 0 missed; 1 benchmarks failed; ")
    assert re.search(r"^good \.\.\.\ngood: \d+ s, 1 claims, 0 missed$", err, re.MULTILINE)


def test_columns_stand_under_their_headers(only, capsys):
    only(["good", "slow"])
    header, good, slow, _ = capsys.readouterr().out.splitlines()
    for column, of_good, of_slow in (("ours", "8 ", "30 "), ("bar", ">= 2 ", "<= 10 ")):
        start = header.index(column)
        assert good[start:].startswith(of_good)
        assert slow[start:].startswith(of_slow)


def test_the_exit_status_says_whether_a_claim_was_missed(only, capsys):
    names = ["elsewhere", "good", "slow"]
    assert only(names, "elsewhere", "good") == 0
    assert "MISSED" not in capsys.readouterr().out
    assert only(names) == 1
    out, err = capsys.readouterr()
    assert "30 <= 10" in " ".join(out.split())
    assert re.search(r"^slow: \d+ s, 1 claims, 1 missed$", err, re.MULTILINE)
    assert out.count("MISSED") == 1


def test_full_sizes_are_asked_for(only, capsys):
    assert only(["good"], "--full", "good") == 0
    assert "16" in capsys.readouterr().out.splitlines()[1].split()


def test_an_unknown_name_is_an_error(only, capsys):
    with pytest.raises(SystemExit):
        only(["good", "slow"], "god")
    assert "there is no benchmark 'god', but good, slow" in capsys.readouterr().err


def test_a_benchmark_alone_asserts_its_claim(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["name", "--small"])
    rows = {True: Row("kept", "s", 1.0, {}, 1.0, 2.0, True), False: None}
    _measure.main(lambda small: [rows[small]])
    missed = [Row("lost", "s", 3.0, {}, 3.0, 2.0, True), rows[True]]
    with pytest.raises(AssertionError, match="lost"):
        _measure.main(lambda small: missed)
    assert "FAILS" in capsys.readouterr().out


def test_the_status_reaches_the_shell():
    command = [sys.executable, "-m", "benchmarks", "nonsense"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no benchmark 'nonsense'" in done.stderr
