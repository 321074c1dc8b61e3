"""The verb `predict`: predictions as CSV."""

from __future__ import annotations

import csv
import math
import os
import sys
import warnings
from contextlib import nullcontext

from .._utils.spreadsheet import as_text_cell
from ._console import readable, tell
from ._models import check_model, load_model, predicts_patients
from ._sources import columns_of_tables, files_read, list_paths, patients_of_paths

__all__ = ["predict"]

STARTS = (b"path,label,p_", b"patient,n_recordings,label,p_")  # of the tables


def predict(args):
    """Write the predictions of recordings or patients; return 1 if some could not be read."""
    from .._utils.files import FileKind, check_output, open_atomic

    (paths, some_lost), patients = list_paths(args), None
    if args.by_patient or args.patient_pattern:
        patients = patients_of_paths(args, paths)
    if args.output is not None:
        tables = FileKind("table of skheart predict", STARTS)
        check_output(args.output, files_read(args, paths), tables)
    check_model(args)
    model = load_model(args)
    if predicts_patients(model) and patients is None:
        patients = patients_of_paths(args, paths)
    failed = []
    rows = readable(args, paths, _predictions(args, model, paths, patients), failed)
    rows = _with_quality(args, paths, rows)
    if args.by_patient:
        table = _patients_table(model, paths, patients, rows)
    else:
        table = _recordings_table(model, paths, columns_of_tables(args.recordings), rows)
    with open_atomic(args.output, "w") if args.output else nullcontext(sys.stdout) as file:
        csv.writer(file, lineterminator="\n").writerows(table)
    return int(some_lost or bool(failed))


def _predictions(args, model, paths, patients):
    """Yield (row, label, probabilities, error) of each path, in order."""
    from .._utils.partial_failures import in_order
    from ..evaluation import predict_in_chunks, predict_patients_in_chunks

    if not predicts_patients(model):
        if patients is not None:
            option = "--by-patient" if args.by_patient else "--patient-pattern"
            raise ValueError(
                f"{option} needs a model that predicts patients, and this one predicts recordings. "
                "Train one with skheart train --recipe best"
            )
        return predict_in_chunks(model, paths)
    n_unknown = sum(not isinstance(patient, str) for patient in patients)
    if n_unknown > 1:
        tell(
            args,
            f"{n_unknown} recordings count as a patient each. Predictions are better if the "
            "recordings of a patient are given together, by a .csv table with the columns path and "
            "patient or by --patient-pattern",
        )
    return in_order(predict_patients_in_chunks(model, paths, patients))


def _recordings_table(model, paths, tables, rows):
    """Yield one line per recording, with its path and other columns as in the table given."""
    from ..evaluation import probability_columns

    others, cells = tables
    heading = ["path", "label", *probability_columns(model.classes_), *_quality_columns()]
    names = [f"{name}_in_table" if name in heading else name for name in others]
    for number, (index, label, probabilities, quality) in enumerate(rows):
        if number == 0:  # no heading if no recording can be read
            yield [*heading, *map(as_text_cell, names)]
        own = cells.get(os.path.abspath(paths[index]), {})
        yield [
            as_text_cell(own.get("path", paths[index])),
            as_text_cell(label),
            *_formatted(probabilities),
            *_quality_values(quality),
            *(as_text_cell(own.get(name, "")) for name in others),
        ]


def _patients_table(model, paths, patients, rows):
    """Yield one line per patient, in the order of their first recordings."""
    from ..evaluation import probability_columns

    rows_of = {}
    for index, *answer in rows:
        rows_of.setdefault(patients[index], []).append(answer)
    columns = probability_columns(model.classes_)
    yield ["patient", "n_recordings", "label", *columns, "quality_n_heartbeat"]
    for patient, answers in rows_of.items():
        label, probabilities, _ = answers[0]
        patient, label = as_text_cell(patient), as_text_cell(label)
        n_heartbeats = sum(quality is not None and quality.heartbeat for *_, quality in answers)
        yield [patient, len(answers), label, *_formatted(probabilities), n_heartbeats]


def _formatted(probabilities):
    return [f"{p:.6f}" for p in probabilities]


def _with_quality(args, paths, rows):
    """Yield the rows, each with its signal quality; count the recordings without heartbeat."""
    from ..audio import NoHeartbeatWarning

    n_without = 0  # instead of warnings by each member of the model
    warnings.simplefilter("ignore", NoHeartbeatWarning)
    for row in rows:
        quality = _measure_file(paths[row[0]])
        n_without += quality is not None and not quality.heartbeat
        yield (*row, quality)
    if n_without:
        tell(
            args,
            f"no heartbeat was found in {n_without} of {len(paths)} recordings, and a label means "
            "little without one: see the columns quality_*",
        )


def _measure_file(path):
    """Return the signal quality of a file; None if it can no longer be read."""
    from ..audio import measure_quality, read_recording

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the model has read it, and warned
        try:
            return measure_quality(*read_recording(path))
        except (OSError, ValueError):
            return None


def _quality_columns():
    from ..audio import RecordingQuality

    return [f"quality_{name}" for name in RecordingQuality._fields]


def _quality_values(quality):
    """Return the cells of `_quality_columns`; what is unknown or infinite is empty."""
    if quality is None:
        return [""] * len(_quality_columns())
    heartbeat, *values = quality
    return [heartbeat, *(f"{value:.6g}" if math.isfinite(value) else "" for value in values)]
