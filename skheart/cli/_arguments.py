"""The arguments of the command `skheart`, and what its help says."""

from __future__ import annotations

import argparse
import re

from .. import __version__

__all__ = ["DATASETS", "asks_for_pretrained", "make_parser"]

DATASETS = ("circor", "hss", "physionet2016")
METHODS = ("attention", "integrated_gradients", "occlusion", "decision_path")
MODELS = ("cnn", "lstm", "gru")
RECIPES = ("paper", "attention", "cycles", "best")
NO_CODE = "Nothing in a model file is run; a pickle is refused."


class _Parser(argparse.ArgumentParser):
    """Errors in one line; options in full, so that a new one breaks no script."""

    def __init__(self, **kwargs):
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message):
        self.exit(2, f"skheart: error: {message}. See {self.prog} --help.\n")


def _number(kind, accepts, rule):
    """A type of arguments: numbers of a kind that follow a rule."""

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"invalid {kind.__name__} value: {text!r}") from None
        if not accepts(value):
            raise argparse.ArgumentTypeError(f"must be {rule}, not {text}")
        return value

    return parse


def _name(text):
    """A type of arguments: a name of something, which cannot be empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty: give a name")
    return text


def _pattern(text):
    """A type of arguments: a regular expression."""
    try:
        return re.compile(_name(text))
    except re.error as error:
        raise argparse.ArgumentTypeError(f"is no regular expression: {error}") from None


_SEED = _number(int, lambda n: 0 <= n < 2**32, "a number from 0 to 4294967295")
_FOLDS = _number(int, lambda n: n >= 2, "at least 2 folds")
_SHARE = _number(float, lambda x: 0 < x < 1, "a number above 0 and below 1")
_JOBS = _number(int, lambda n: n != 0, "a number of jobs, or -1 for all cores")


def asks_for_pretrained(argv):
    """Whether a command line names a pre-trained model, so that it has no MODEL."""
    options = argv[: argv.index("--")] if "--" in argv else argv
    return any(word.partition("=")[0] == "--pretrained" for word in options)


def make_parser(pretrained=False):
    """Return the parser of the whole command line.

    With `pretrained` no MODEL is expected: argparse cannot make it depend on an option whether a
    positional argument is there.
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
    verb.add_argument(
        "--quiet", action="store_true", help="no progress, and no warnings but of unknown subjects"
    )
    return verb


def _add_demo(verbs):
    verb = _add_verb(
        verbs,
        "demo",
        "train three small models on generated sounds and draw how they do",
        "Prints a table of UAR with intervals by subject and writes it, the predictions, "
        "confusion matrices and ROC curves to a folder. Takes under 3 minutes on two cores.",
    )
    verb.add_argument(
        "-o", "--output", metavar="FOLDER", type=_name, required=True, help="made if missing"
    )
    verb.add_argument("--seed", type=_SEED, default=0, help="default: 0")


def _add_source(verb):
    verb.add_argument(
        "source",
        metavar="SOURCE",
        type=_name,
        help="a CSV table of recordings (columns path, label and, so that the recordings of one "
        f"person stay together, subject) or a dataset by name: {', '.join(DATASETS)}",
    )
    verb.add_argument(
        "--data", metavar="FOLDER", type=_name, help="where the dataset of that name lies"
    )
    verb.add_argument(
        "--target", choices=("murmur", "outcome"), help="what to predict in circor (murmur)"
    )
    for column in ("path", "label", "subject"):
        verb.add_argument(
            f"--{column}", metavar="COLUMN", type=_name, help=f"that column's name ({column})"
        )


def _add_train(verbs):
    verb = _add_verb(
        verbs,
        "train",
        "train a model on recordings and write it",
        "A model that is there already is replaced once the new one is complete, no other file is.",
    )
    _add_source(verb)
    verb.add_argument(
        "-o", "--output", metavar="MODEL", type=_name, required=True, help="the file to write"
    )
    verb.add_argument(
        "--recipe",
        choices=RECIPES,
        default="paper",
        help="paper: the pipeline of the paper, which predicts recordings; best: a forest on "
        "average heart cycles and attention nets, which predict patients together; cycles: the "
        "forest alone; attention: an ensemble of the nets (paper)",
    )
    verb.add_argument("--model", choices=MODELS, help="the net of the paper's recipe (cnn)")
    verb.add_argument(
        "--set",
        metavar="STEP__PARAMETER=VALUE",
        action="append",
        default=[],
        dest="parameters",
        help="any parameter of the pipeline (steps logmel, ros and clf; in recipe attention "
        "logmel and clf, in recipe cycles dropout, cycle and clf; in recipe best those of both, "
        "such as forest__clf__n_estimators=100 and net__clf__lr=1e-3), "
        "such as clf__lr=1e-4 or clf__channels='(32, 64)'; repeat for more",
    )
    checks = verb.add_mutually_exclusive_group()
    checks.add_argument(
        "--folds", type=_FOLDS, metavar="K", help="first cross-validate, subjects kept apart"
    )
    checks.add_argument(
        "--test-size",
        type=_SHARE,
        metavar="SHARE",
        help="keep this share of the recordings, by subject, out of the training and score it",
    )
    verb.add_argument("--seed", type=_SEED, default=0, help="default: 0")
    verb.add_argument("--device", default="auto", help="auto, cpu or cuda (auto)")
    verb.add_argument(
        "--jobs",
        type=_JOBS,
        metavar="N",
        help="threads for the features, processes for the folds; -1 is all cores (1)",
    )


def _add_evaluate(verbs, pretrained):
    verb = _add_verb(
        verbs,
        "evaluate",
        "score a model on recordings that it has not seen",
        f"A model that predicts patients is scored by patient. {NO_CODE}",
    )
    _add_model(verb, pretrained)
    _add_source(verb)


def _add_predict(verbs, pretrained):
    verb = _add_verb(
        verbs,
        "predict",
        "predict recordings, as CSV: path, label and p_<class> for each class",
        "A model that predicts patients takes the recordings of one together where a .csv table "
        "has a column patient or subject, or where --patient-pattern tells; any other recording "
        "is a patient of its own. A recording that cannot be read is reported and left out. "
        f"{NO_CODE}",
    )
    _add_model(verb, pretrained)
    _add_recordings(verb)
    _add_patients(verb, "one row for each patient: patient, n_recordings, label and p_<class>")
    verb.add_argument(
        "-o", "--output", metavar="CSV", type=_name, help="write there, not to standard output"
    )


def _add_patients(verb, text):
    verb.add_argument(
        "--patient-pattern",
        metavar="REGEX",
        type=_pattern,
        help="how file names begin, with the patient in parentheses: '([0-9]+)_' for 123_AV.wav",
    )
    verb.add_argument("--by-patient", action="store_true", help=text)


def _add_model(verb, pretrained):
    verb.add_argument(
        "--pretrained",
        metavar="NAME",
        type=_name,
        help="a model that comes with skheart, such as circor-murmur, in place of MODEL",
    )
    if not pretrained:
        text = "a file that skheart train wrote (none with --pretrained)"
        verb.add_argument("model", metavar="MODEL", type=_name, help=text)


def _add_recordings(verb):
    verb.add_argument(
        "recordings",
        metavar="RECORDING",
        type=_name,
        nargs="+",
        help="sound files, folders of them, .txt lists of paths, or .csv tables with a column path",
    )


def _add_explain(verbs, pretrained):
    verb = _add_verb(
        verbs,
        "explain",
        "show and play which moments and frequencies decided a prediction",
        "Writes one page that opens in any browser, without a network. A recording that cannot be "
        f"read is reported and left out. {NO_CODE}",
    )
    _add_model(verb, pretrained)
    _add_recordings(verb)
    verb.add_argument(
        "-o", "--output", metavar="HTML", type=_name, help="the page to write, such as report.html"
    )
    verb.add_argument(
        "--method",
        choices=METHODS,
        help="what the model itself adds up (attention of nets, decision_path of trees), or a "
        "slower estimate to compare it with (the first that fits; of a vote the weightiest part)",
    )
    verb.add_argument(
        "--label", metavar="CLASS", type=_name, help="show this class first, not the predicted one"
    )
    _add_patients(verb, "explain the recordings of a patient together, as they are predicted")
    verb.add_argument(
        "--check",
        action="store_true",
        help="print a table that says whether the attention is true of the model",
    )


def _add_fetch(verbs):
    verb = _add_verb(verbs, "fetch", "download a public dataset and verify it")
    verb.add_argument("dataset", choices=("circor", "physionet2016"))
    verb.add_argument("folder", metavar="FOLDER", type=_name, help="where to keep it")
