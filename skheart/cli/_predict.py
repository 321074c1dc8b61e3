"""What the verb `predict` does: predictions of recordings or patients, as lines of a table."""

from __future__ import annotations

from ..evaluation import (
    in_order,
    predict_in_chunks,
    predict_patients_in_chunks,
    probability_columns,
)
from ._console import tell
from ._models import predicts_patients
from ._sources import named_patients

__all__ = ["predictions", "table_of_patients", "table_of_recordings"]


def predictions(args, model, paths):
    """The patient of each path, or None, and (index, label, probabilities, error) of each.

    A model that predicts patients takes them from the tables among the arguments, and then from
    the names of files; a recording of which nothing is known is a patient of its own.
    """
    if not predicts_patients(model):
        for option in ("by_patient", "patient_pattern"):
            if getattr(args, option):
                raise ValueError(
                    f"--{option.replace('_', '-')} needs a model that predicts patients, and this "
                    "one predicts recordings: train one with skheart train --recipe best"
                )
        return None, predict_in_chunks(model, paths)
    patients = named_patients(args, paths)
    alone = [who for who in patients if not isinstance(who, str)]
    if len(alone) > 1:
        tell(
            args,
            f"{len(alone)} recordings count as a patient each. If some are of one patient, they "
            "are predicted better together: give a .csv table with the columns path and patient, "
            "or --patient-pattern",
        )
    return patients, in_order(predict_patients_in_chunks(model, paths, patients))


def table_of_recordings(model, paths, rows):
    """A line for each recording; the heading comes with the first, so that a failure has none."""
    for number, (index, label, probabilities, _) in enumerate(rows):
        if number == 0:
            yield ["path", "label", *probability_columns(model.classes_)]
        yield [paths[index], label, *_written(probabilities)]


def table_of_patients(model, patients, rows):
    """A line for each patient, in the order of their first recordings."""
    found = {}
    for index, label, probabilities, _ in rows:
        _, _, indices = found.setdefault(patients[index], (label, probabilities, []))
        indices.append(index)
    yield ["patient", "n_recordings", "label", *probability_columns(model.classes_)]
    for patient, (label, probabilities, indices) in found.items():
        yield [patient, len(indices), label, *_written(probabilities)]


def _written(probabilities):
    return [f"{p:.6f}" for p in probabilities]
