"""The arguments of the command `skheart` and their help."""

from __future__ import annotations

import argparse
import re

from .. import __version__

__all__ = ["DATASETS", "make_parser", "uses_pretrained"]

DATASETS = ("circor", "hss", "physionet2016")
METHODS = ("attention", "integrated_gradients", "occlusion", "decision_path")
MODELS = ("cnn", "lstm", "gru")
RECIPES = ("paper", "attention", "cycles", "best")
NO_CODE = "No code in a model file is run; a pickle is refused."


class _Parser(argparse.ArgumentParser):
    """Parser with errors in one line and without abbreviated options.

    A new option must not break a script that abbreviates another.
    """

    def __init__(self, **kwargs):
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message):
        self.exit(2, f"skheart: error: {message}. See {self.prog} --help.\n")


def _number(kind, is_valid, rule):
    """Return an argument type for numbers that follow a rule."""

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"invalid {kind.__name__} value: {text!r}") from None
        if not is_valid(value):
            raise argparse.ArgumentTypeError(f"must be {rule}, not {text}")
        return value

    return parse


def _name(text):
    """Argument type for names, which must not be empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty: give a name")
    return text


def _pattern(text):
    """Argument type for regular expressions."""
    try:
        return re.compile(_name(text))
    except re.error as error:
        raise argparse.ArgumentTypeError(f"is not a regular expression: {error}") from None


def _device(text):
    """Argument type for devices."""
    if not re.fullmatch("auto|cpu|cuda(:[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"must be auto, cpu or cuda, not {text!r}")
    return text


_SEED = _number(int, lambda n: 0 <= n < 2**32, "a number from 0 to 4294967295")
_FOLDS = _number(int, lambda n: n >= 2, "at least 2")
_FRACTION = _number(float, lambda x: 0 < x < 1, "above 0 and below 1")
_JOBS = _number(int, lambda n: n != 0, "a number of jobs, or -1 for all cores")


def uses_pretrained(argv):
    """Return whether a command line names a pretrained model, and thus has no MODEL."""
    options = argv[: argv.index("--")] if "--" in argv else argv
    return any(word.partition("=")[0] == "--pretrained" for word in options)


def make_parser(pretrained=False):
    """Return the parser of the command line.

    With `pretrained`, no MODEL is expected: in argparse, a positional argument cannot depend on an
    option.
    """
    parser = _Parser(prog="skheart", description="Heart sound classification.")
    parser.add_argument("--version", action="version", version=f"skheart {__version__}")
    verbs = parser.add_subparsers(title="verbs", dest="verb", required=True, metavar="VERB")
    _add_demo(verbs)
    _add_train(verbs)
    _add_evaluate(verbs, pretrained)
    _add_predict(verbs, pretrained)
    _add_explain(verbs, pretrained)
    _add_fetch(verbs)
    return parser


def _add_verb(verbs, name, summary, details=""):
    verb = verbs.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}. {details}"
    )
    verb.register("type", None, _name)  # of arguments without another type
    verb.add_argument(
        "--quiet",
        action="store_true",
        help="suppress progress, and all warnings except those of missing subjects",
    )
    return verb


def _add_demo(verbs):
    verb = _add_verb(
        verbs,
        "demo",
        "train three small models on generated sounds and draw their results",
        "Prints a table of UAR with its interval by subject, and writes it, the predictions, "
        "confusion matrices and ROC curves to a folder. Takes under 3 minutes on two cores.",
    )
    verb.add_argument("-o", "--output", metavar="FOLDER", required=True, help="created if missing")
    verb.add_argument("--seed", type=_SEED, default=0, help="default: 0")


def _add_source(verb):
    verb.add_argument(
        "source",
        metavar="SOURCE",
        help="a CSV table with the columns path, label and subject (who keeps to one side of a "
        "split), a folder with one subfolder of recordings for each label, or a dataset: "
        f"{', '.join(DATASETS)}",
    )
    verb.add_argument("--data", metavar="FOLDER", help="the folder of the dataset")
    verb.add_argument(
        "--target",
        choices=("murmur", "outcome"),
        help="the labels of circor to predict (default: murmur)",
    )
    for column in ("path", "label", "subject"):
        verb.add_argument(
            f"--{column}",
            metavar="COLUMN",
            help=f"name of that column (default: {column})",
        )
    verb.add_argument(
        "--na-values",
        metavar="WORD",
        nargs="*",
        type=str,
        help="cells that stand for a missing value, which a label or subject must not be (default: "
        "NA, nan, NULL, None, ? and similar)",
    )
    verb.add_argument(
        "--subject-pattern",
        metavar="REGEX",
        type=_pattern,
        help="for a folder: beginning of file names with the subject in parentheses, as in "
        "'([0-9]+)_' for 123_AV.wav",
    )


def _add_train(verbs):
    verb = _add_verb(
        verbs,
        "train",
        "train a model on recordings and write it to a file",
        "An existing model is replaced when the new one is complete; no other file is replaced.",
    )
    _add_source(verb)
    verb.add_argument("-o", "--output", metavar="MODEL", required=True, help="the file to write")
    verb.add_argument(
        "--recipe",
        choices=RECIPES,
        default="paper",
        help="paper: the pipeline of the paper, which predicts recordings; best: a forest on "
        "average heart cycles and attention networks, which predicts patients; cycles: the forest "
        "alone; attention: an ensemble of the networks (default: paper)",
    )
    verb.add_argument("--model", choices=MODELS, help="network of --recipe paper (default: cnn)")
    verb.add_argument(
        "--set",
        metavar="STEP__PARAMETER=VALUE",
        action="append",
        default=[],
        dest="parameters",
        help="any parameter of the pipeline, such as clf__lr=1e-4 or clf__channels='(32, 64)'; "
        "repeat for more. Steps are logmel, ros and clf; of recipe attention logmel and clf; of "
        "recipe cycles dropout, cycle and clf; of recipe best both, as in "
        "forest__clf__n_estimators=100 and net__clf__lr=1e-3",
    )
    checks = verb.add_mutually_exclusive_group()
    checks.add_argument(
        "--folds", type=_FOLDS, metavar="K", help="cross-validate first, with subjects kept apart"
    )
    checks.add_argument(
        "--test-size",
        type=_FRACTION,
        metavar="FRACTION",
        help="hold out this fraction of the recordings, by subject, and score it",
    )
    verb.add_argument("--seed", type=_SEED, default=0, help="default: 0")
    verb.add_argument(
        "--device", type=_device, default="auto", help="auto, cpu or cuda (default: auto)"
    )
    verb.add_argument(
        "--jobs",
        type=_JOBS,
        metavar="N",
        help="threads for features, processes for folds; -1 is all cores (default: 1)",
    )


def _add_evaluate(verbs, pretrained):
    verb = _add_verb(
        verbs,
        "evaluate",
        "score a model on recordings that it was not trained on",
        f"A model that predicts patients is scored by patient. {NO_CODE}",
    )
    _add_model(verb, pretrained)
    _add_source(verb)


def _add_predict(verbs, pretrained):
    verb = _add_verb(
        verbs,
        "predict",
        "predict recordings, as CSV with path, label and p_<class> of each class",
        "A model that predicts patients uses all recordings of a patient, from the column patient "
        "or subject of a .csv table, or by --patient-pattern; any other recording is a patient "
        "of its own. A recording that cannot be read is reported and left out. Rows keep the path "
        "and the other columns of the table given. An apostrophe is put before text that a "
        "spreadsheet would run: what begins with =, +, -, @, a tab or a carriage return and is "
        f"not a number. {NO_CODE}",
    )
    _add_model(verb, pretrained)
    _add_recordings(verb)
    _add_patients(verb, "one row per patient: patient, n_recordings, label and p_<class>")
    verb.add_argument(
        "-o",
        "--output",
        metavar="CSV",
        help="file to write, instead of standard output",
    )


def _add_patients(verb, text):
    verb.add_argument(
        "--patient-pattern",
        metavar="REGEX",
        type=_pattern,
        help="beginning of file names with the patient in parentheses: '([0-9]+)_' for 123_AV.wav",
    )
    verb.add_argument("--by-patient", action="store_true", help=text)


def _add_model(verb, pretrained):
    verb.add_argument(
        "--pretrained",
        metavar="NAME",
        help="a pretrained model, such as circor-murmur, instead of MODEL",
    )
    if not pretrained:
        text = "a file that skheart train wrote (omit with --pretrained)"
        verb.add_argument("model", metavar="MODEL", help=text)


def _add_recordings(verb):
    verb.add_argument(
        "recordings",
        metavar="RECORDING",
        nargs="+",
        help="sound files, folders of them, .txt lists of paths, or .csv tables with a column path",
    )


def _add_explain(verbs, pretrained):
    verb = _add_verb(
        verbs,
        "explain",
        "show and play which times and frequencies decided a prediction",
        "Writes one page that opens in any browser, offline. A recording that cannot be read is "
        f"reported and left out. {NO_CODE}",
    )
    _add_model(verb, pretrained)
    _add_recordings(verb)
    verb.add_argument(
        "-o", "--output", metavar="HTML", help="the page to write, such as report.html"
    )
    verb.add_argument(
        "--method",
        choices=METHODS,
        help="attention (networks) and decision_path (trees) are exact; the others are slower "
        "estimates to compare with (default: the exact one, of a vote for the part with the "
        "greatest weight)",
    )
    verb.add_argument(
        "--label",
        metavar="CLASS",
        help="class to show first (default: predicted)",
    )
    _add_patients(verb, "explain the recordings of a patient together, as they are predicted")
    verb.add_argument(
        "--check",
        action="store_true",
        help="print a table of checks whether the attention is faithful to the model",
    )


def _add_fetch(verbs):
    verb = _add_verb(verbs, "fetch", "download and verify a public dataset")
    verb.add_argument("dataset", choices=("circor", "physionet2016"))
    verb.add_argument("folder", metavar="FOLDER", help="where to store it")
