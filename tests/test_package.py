"""Public names, lazy imports, metadata and README of the package."""

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skheart

ROOT = Path(__file__).parents[1]
HEAVY = {"imblearn", "joblib", "librosa", "matplotlib", "numba", "numpy", "pandas", "scipy"}
HEAVY |= {"sklearn", "skorch", "soundfile", "soxr", "torch", "tqdm"}
DISTRIBUTION = {"sklearn": "scikit-learn", "imblearn": "imbalanced-learn"}
DISTRIBUTION |= {"mpl_toolkits": "matplotlib"}


PRINT_MODULES = "import sys; print('modules:', *sys.modules)"
MAIN = "from skheart.cli import main; main({})"


def modules_after(*codes):
    """Return the modules in a fresh interpreter after running each code in turn."""
    code = "\n".join(line for code in codes for line in (code, PRINT_MODULES))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [set(part.splitlines()[0].split()) for part in run.stdout.split("modules:")[1:]]


def setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def requirements(text):
    """Return ``{name: lower bound}`` of a list of requirements."""
    lines = [line.partition("#")[0].strip() for line in text.strip().splitlines()]
    return dict(re.split("[><=]=", line) for line in lines if line)


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize("name", skheart.__all__)
def test_every_public_name_exists(name):
    assert getattr(skheart, name) is not None


def test_public_names_come_from_their_modules():
    for name, module in skheart._MODULE_OF.items():
        value = getattr(skheart, name)
        assert value is getattr(getattr(skheart, module), name)
        home = getattr(value, "__module__", None)  # the module, or a file in it
        assert home == "sklearn.metrics._scorer" or f"{home}.".startswith(f"skheart.{module}.")


def test_dir_lists_the_public_names():
    assert set(skheart.__all__) <= set(dir(skheart))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'HeartTransformer'"):
        skheart.HeartTransformer  # noqa: B018


# ---------------------------------------------------------------------- laziness


def test_modules_after_sees_an_import():
    before, after = modules_after("import math", "import numpy")
    assert "numpy" in after - before


@pytest.mark.parametrize(
    "code",
    [
        "import skheart, skheart.datasets, skheart.cli; dir(skheart)",
        MAIN.format(["train", "--help"]),
        MAIN.format(["predict"]),
        MAIN.format(["predict", "--pretrained", "circor-murmur", "nowhere.wav"]),
        MAIN.format(["predict", "--pretrained", "nothing", __file__]),
        MAIN.format(["evaluate", "nowhere", "table.csv"]),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(code):
    (modules,) = modules_after(code)
    assert "skheart" in modules
    assert modules & HEAVY == set()


def test_a_wrong_column_is_refused_before_models_are_imported(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("path,label\na.wav,b\n")
    (modules,) = modules_after(MAIN.format(["train", str(path), "-o", "m", "--label", "x"]))
    assert modules & HEAVY == {"numpy", "pandas"}


def test_loading_a_model_imports_no_compiler():
    (modules,) = modules_after("import skheart; skheart.load_pretrained('circor-murmur')")
    assert "torch" in modules
    assert modules & {"torch._dynamo", "librosa", "matplotlib"} == set()


ABSENT = {  # one interpreter imports all in this order
    "from skheart import uar": {"torch", "librosa", "matplotlib"},
    "from skheart import LogMelTransformer": {"torch", "librosa", "matplotlib"},
    "from skheart import RandomOverSampler": {"torch", "librosa", "matplotlib"},
    "from skheart import AttentionCNNClassifier": {"librosa", "matplotlib"},
    "import skheart.explain": {"captum", "librosa", "matplotlib"},
    "import skheart.plot": {"matplotlib"},
}


@pytest.fixture(scope="module")
def imported():
    return dict(zip(ABSENT, modules_after(*ABSENT), strict=True))


@pytest.mark.parametrize(("code", "absent"), ABSENT.items())
def test_a_name_imports_only_what_it_needs(code, absent, imported):
    assert imported[code] & absent == set()


def test_python_without_docstrings_is_refused_by_name_and_without_asserts_works():
    """skorch builds docstrings from others when it is imported."""
    code = "import numpy, skheart; from skheart import AttentionCNNClassifier; print('imported')"
    for option, status, words in (("-O", 0, "imported"), ("-OO", 1, "Use python -O or PYTHONOPT")):
        command = [sys.executable, option, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        assert (done.returncode, words in done.stdout + done.stderr) == (status, True), done.stderr
    code = "from skheart import LogMelTransformer, uar; import skheart.datasets, skheart.audio"
    subprocess.run([sys.executable, "-OO", "-c", code], check=True, cwd=ROOT)


# ---------------------------------------------------------------------- metadata


def test_metadata_is_in_setup_cfg_alone():
    tables = re.findall(r"^\[+([\w-]+)", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert set(tables) == {"build-system", "tool"}
    assert setup_cfg()["metadata"]["version"] == "attr: skheart.__version__"


def test_imported_libraries_are_required():
    imported = set()
    for path in (ROOT / "skheart").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    imported -= {*sys.stdlib_module_names, "skheart"}
    config = setup_cfg()
    required = requirements(config["options"]["install_requires"])
    extras = config["options.extras_require"]
    optional = (requirements(extras[name]) for name in ("explain", "phone", "plot"))
    assert {DISTRIBUTION.get(name, name) for name in imported} == {*required}.union(*optional)


def test_constraints_meet_the_requirements():
    constraints = requirements((ROOT / "constraints.txt").read_text())
    config = setup_cfg()
    bounds = requirements(config["options"]["install_requires"])
    for extra in config["options.extras_require"].values():
        bounds |= requirements(extra)
    assert bounds.keys() <= constraints.keys()
    for name, bound in bounds.items():
        version = tuple(map(int, constraints[name].split(".")))
        assert version >= tuple(map(int, bound.split("."))), name


def test_the_changelog_has_this_version():
    assert f"## [{skheart.__version__}]" in (ROOT / "CHANGES.md").read_text()


# ---------------------------------------------------------------------- README


def fenced_blocks(mark):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"<!-- {mark} -->\s*```\w*\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.parametrize(("mark", "last"), [("ci: demo", "skheart demo"), ("ci: test", "pytest")])
def test_the_readme_has_the_commands_that_ci_runs(mark, last):
    (block,) = fenced_blocks(mark)
    (command,) = block.strip().splitlines()
    install, _, run = command.partition(" && ")
    assert "pip install -c constraints.txt" in install
    assert last in run
