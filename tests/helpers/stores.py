"""Small stores of `benchmarks.studies.pretrained`."""

import numpy as np
import pandas as pd

import skheart
from benchmarks.studies import pretrained
from skheart.patients import PatientClassifier

CLASSES = np.array(["Absent", "Present", "Unknown"])
P = ["p_Absent", "p_Present", "p_Unknown"]


def tiny(random_state):
    pipeline = skheart.make_heart_pipeline(random_state=random_state).set_params(
        logmel__duration=2.0, clf__channels=(4,), clf__max_epochs=1
    )
    return PatientClassifier(pipeline, random_state=random_state)


def options_of(*arguments):
    options = pretrained.parse(["--folds", "2", "--repeats", "2", *arguments])
    options.n_resamples = 20
    return options


def resampling_less(parse, n_resamples):
    """Wrap a parser of options to draw fewer resamples."""

    def parse_options(arguments=()):
        options = parse(arguments)
        options.n_resamples = n_resamples
        return options

    return parse_options


def read(folder):
    return pd.concat(
        [pd.read_csv(f, dtype={"patient": str}) for f in sorted((folder / "predictions").iterdir())]
    )
