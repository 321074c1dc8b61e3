"""Tables of results as text."""

from __future__ import annotations

import numpy as np

__all__ = ["class_table", "results_table"]


def results_table(results, *, unit="recordings"):
    """Format the UAR of several models as a table.

    Parameters
    ----------
    results : dict of str to SubjectEvaluation
        Evaluations by name of the model.
    unit : str, default="recordings"
        What was predicted, for the heading: "patients" if each row of an evaluation is a patient.

    Returns
    -------
    text : str
        One row per model: UAR, 95% confidence interval, number of subjects and recordings.

    Examples
    --------
    >>> from skheart.evaluation import evaluate_predictions, results_table
    >>> result = evaluate_predictions([0, 0, 1, 1], [0, 0, 1, 1], random_state=0)
    >>> print(results_table({"perfect": result}))
    model      UAR          95% CI subjects recordings
    perfect  1.000  [1.000, 1.000]        4          4
    """
    import pandas as pd

    rows = {}
    for name, result in results.items():
        estimate, low, high = result.uar
        rows[str(name)] = {
            "UAR": f"{estimate:.3f}",
            "95% CI": f"[{low:.3f}, {high:.3f}]",
            "subjects": str(result.n_subjects),
            unit: str(result.n_recordings),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="model").to_string()


def class_table(result, *, unit="recordings"):
    """Format recall, number of subjects and confusion matrix by class as a table.

    Parameters
    ----------
    result : SubjectEvaluation
        The evaluation.
    unit : str, default="recordings"
        As for :func:`results_table`.

    Returns
    -------
    text : str
        One row per true class; the columns `as <class>` count the predictions. A class without
        recordings has no recall.

    Examples
    --------
    >>> from skheart.evaluation import class_table, evaluate_predictions
    >>> y_true, y_pred = ["ill", "ill", "well", "well"], ["ill", "well", "well", "well"]
    >>> print(class_table(evaluate_predictions(y_true, y_pred, random_state=0)))
    class recall  subjects  recordings  as ill  as well
    ill    0.500         2           2       1        1
    well   1.000         2           2       0        2
    """
    import pandas as pd

    rows = {}
    for label in result.classes:
        own = result.y_true == label
        called = result.y_pred[own]
        rows[str(label)] = {
            "recall": f"{np.mean(called == label):.3f}" if own.any() else "-",
            "subjects": len(np.unique(result.groups[own])),
            unit: len(called),
            **{f"as {other}": np.count_nonzero(called == other) for other in result.classes},
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(columns="class").to_string()
