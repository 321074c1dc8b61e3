"""What the verb `predict` does: predictions of recordings or patients, as lines of a table."""

from __future__ import annotations

import os

from ._models import predicts_patients
from ._predict import (
    in_order,
    predict_in_chunks,
    predict_patients_in_chunks,
    probability_columns,
)
from ._sources import patients_in

__all__ = ["predictions", "table_of_patients", "table_of_recordings"]


def predictions(args, model, paths):
    """The patient of each path, or None, and (index, label, probabilities, error) of each.

    A model that predicts patients takes them from the tables among the arguments; a recording that
    is in no such table is a patient of its own.
    """
    if not predicts_patients(model):
        if args.by_patient:
            raise ValueError(
                "--by-patient needs a model that predicts patients, and this one predicts "
                "recordings: train one with skheart train --recipe best"
            )
        return None, predict_in_chunks(model, paths)
    known = patients_in(args.recordings)
    # A recording alone has its index, which is no name of a table.
    patients = [known.get(os.path.abspath(path), row) for row, path in enumerate(paths)]
    if args.by_patient:
        for path, patient in zip(paths, patients, strict=True):
            if not isinstance(patient, str):
                raise ValueError(
                    f"--by-patient: nobody says whose recording {path} is. Give a .csv table with "
                    "the columns path and patient"
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
