"""Scores of the paper's ablation: UAR, ROC AUC, fusion and paired differences, by subject.

A cell is a triple of model, head and training set. Its probabilities come from all folds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from ._paper_runs import ATTENTION, MODELS, PLAIN, TRAINING_SETS, Run, read_probabilities

FUSION = "fusion"
# Heads of CNN, LSTM and GRU that are fused. The networks share all heads but "flatten" and "last".
FUSED = {head: (head,) * 3 for head in (*ATTENTION, "max", "mean")}
FUSED["flatten/last"] = ("flatten", "last", "last")
# UAR on the test partition of HSS as reported by the paper and the challenge. The training set is
# not stated, nor is the head of the recurrent networks.
PUBLISHED = {
    ("cnn", "sigmoid"): 0.512,
    ("gru", "best"): 0.468,
    ("lstm", "best"): 0.426,
    ("fusion", "challenge's baseline"): 0.562,
}


class Part(NamedTuple):
    """Recordings that are scored together.

    Attributes
    ----------
    name : str
        Name of the part.
    code : ndarray of int of shape (n,)
        Encoded label of each recording.
    groups : ndarray of str of shape (n,)
        Subject of each recording.
    cells : dict of tuple to ndarray of shape (n, n_classes)
        Probabilities, by (model, head, training set).
    """

    name: str
    code: np.ndarray
    groups: np.ndarray
    cells: dict


def read_parts(sounds, store):
    """Read the cells whose folds are all stored, add their fusions, and split them into parts."""
    rows = sounds.scored
    cells = {}
    for model in MODELS:
        for head in (*ATTENTION, *PLAIN[model]):
            for training in TRAINING_SETS:
                whole = np.full((len(sounds.data), len(sounds.classes)), np.nan)
                for fold, (_, test) in enumerate(sounds.folds):
                    found = read_probabilities(Run(model, head, training, fold), sounds, store)
                    if found is None:
                        break
                    whole[test] = found
                else:
                    cells[model, head, training] = whole[rows]
    cells |= fusions(cells)
    code = np.searchsorted(sounds.classes, sounds.target[rows])
    parts = []
    for name in dict.fromkeys(sounds.parts[rows].tolist()):
        own = sounds.parts[rows] == name
        if len(np.unique(code[own])) > 1:  # ROC AUC needs two classes
            chosen = {cell: p[own] for cell, p in cells.items()}
            parts.append(Part(name, code[own], sounds.groups[rows][own], chosen))
    return parts


def members(head, training):
    """List the cells of a fusion."""
    return [(*pair, training) for pair in zip(MODELS, FUSED[head], strict=True)]


def fusions(cells):
    """Average the probabilities of CNN, LSTM and GRU with the same head and training set."""
    return {
        (FUSION, head, training): np.mean([cells[cell] for cell in members(head, training)], axis=0)
        for head in FUSED
        for training in TRAINING_SETS
        if all(cell in cells for cell in members(head, training))
    }


def recall_means(code, hits):
    """UAR of each column of hits (1 for a correct prediction).

    UAR is linear: a weighted sum of columns has the weighted sum of their UARs.
    """
    return np.mean([hits[code == k].mean(axis=0) for k in np.unique(code)], axis=0)


def roc_aucs(code, scores):
    """One-vs-rest macro ROC AUC of scores of shape (n, n_classes, ...).

    Equals `sklearn.metrics.roc_auc_score` over the classes in `code`, but is computed from ranks
    for all cells at once: a bootstrap needs it thousands of times.
    """
    found = []
    ranks = rankdata(scores, axis=0)
    for k in np.unique(code):
        own = code == k
        n_own, n_rest = own.sum(), (~own).sum()
        found.append((ranks[own, k].sum(axis=0) - n_own * (n_own + 1) / 2) / (n_own * n_rest))
    return np.mean(found, axis=0)


def interval(metric, part, values, n_resamples):
    from skheart import bootstrap_interval

    return bootstrap_interval(
        metric, part.code, values, groups=part.groups, n_resamples=n_resamples, random_state=0
    )


def hits_of(part, cell):
    """Return 1 where the most probable class is correct, else 0."""
    return (part.cells[cell].argmax(axis=1) == part.code).astype(float)


def score_cell(part, cell, n_resamples):
    """Return the row of a cell in the table."""
    uar = interval(recall_means, part, hits_of(part, cell), n_resamples)
    auc = interval(roc_aucs, part, part.cells[cell], n_resamples)
    counts = {"subjects": len(np.unique(part.groups)), "recordings": len(part.code)}
    names = dict(zip(("model", "head", "training"), cell, strict=True))
    ends = {**_ends("uar", uar), **_ends("auc", auc)}
    return {"part": part.name, **names, **ends, **counts}


def _ends(score, found):
    names = (score, f"{score}_low", f"{score}_high")
    return dict(zip(names, found, strict=True))


def score_contrast(part, contrast, n_resamples):
    """Return the row of a paired difference; both sides use the same resampled subjects."""
    from skheart.metrics import paired_test

    question, where, weights = contrast
    cells, weight = list(weights), np.array(list(weights.values()))
    hits = np.stack([hits_of(part, cell) for cell in cells], axis=-1)
    ours, others = hits @ weight.clip(0), hits @ (-weight).clip(0)
    how = {"groups": part.groups, "n_resamples": n_resamples, "random_state": 0}
    uar = paired_test(recall_means, part.code, ours, others, **how)
    stack = np.stack([part.cells[cell] for cell in cells], axis=-1)
    auc = interval(lambda y, scores: roc_aucs(y, scores) @ weight, part, stack, n_resamples)
    ends = {**_ends("uar", uar[:3]), "uar_p": uar.p_value, **_ends("auc", auc)}
    counts = {"subjects": len(np.unique(part.groups)), "recordings": len(part.code)}
    return {"part": part.name, "difference": question, "where": where, **ends, **counts}


def pairs_of(cells):
    """List comparisons as (question, model, cells of one side, cells of the other side).

    A side with several cells counts with the mean of their scores.
    """
    pairs = []
    for model, head, training in cells:
        here = (model, head, training)
        if model == FUSION:
            pairs.append(("fusion - its models", model, [here], members(head, training)))
        elif training == "upsampled" and (model, head, "original") in cells:
            pairs.append(("upsampled - original", model, [here], [(model, head, "original")]))
        plain = [(model, other, training) for other in PLAIN.get(model, ())]
        plain = [cell for cell in plain if cell in cells]
        if head in ATTENTION and plain:
            pairs.append((f"{head} - without attention", model, [here], plain))
    return pairs


def contrasts_of(cells):
    """List paired differences, averaged per model and overall, and one by one.

    Returns
    -------
    summary, single : list of (str, str, dict of tuple to float)
        Question, model ("all" or "pair" otherwise), and weight of each cell.
    """
    pairs = pairs_of(cells)
    apart = {model for model, *_ in cells} & {*MODELS}
    apart = apart if len(apart) > 1 else set()  # with one model, it equals "all"
    summary = {}
    for question, model, ours, others in pairs:
        for where in ("all", *({model} & apart)):
            summary.setdefault((question, where), []).append((ours, others))
    order = ["upsampled - original", *(f"{head} - without attention" for head in ATTENTION)]
    order.append("fusion - its models")
    keys = sorted(summary, key=lambda key: (order.index(key[0]), ["all", *MODELS].index(key[1])))
    return (
        [(*key, _weights(summary[key])) for key in keys],
        [
            (f"{' '.join(ours[0])} - {' '.join(other)}", "pair", _weights([(ours, [other])]))
            for _, _, ours, others in pairs
            for other in others
        ],
    )


def _weights(pairs):
    weights = {}
    for ours, others in pairs:
        for side, sign in ((ours, 1.0), (others, -1.0)):
            for cell in side:
                weights[cell] = weights.get(cell, 0.0) + sign / len(side) / len(pairs)
    return weights


def _only(part, cells):
    return part._replace(cells={cell: part.cells[cell] for cell in cells})


def score(sounds, store, *, jobs=1, n_resamples=2000, verbose=1):
    """Score the stored predictions."""
    import pandas as pd
    from joblib import Parallel, delayed, parallel_config
    from tqdm import tqdm

    parts = read_parts(sounds, store)
    # Each task is sent only the cells it needs.
    tasks = [
        delayed(score_cell)(_only(part, [cell]), cell, n_resamples)
        for part in parts
        for cell in part.cells
    ]
    n_cells = len(tasks)
    for part in parts:
        summary, single = contrasts_of(part.cells)
        tasks += [
            delayed(score_contrast)(_only(part, contrast[2]), contrast, n_resamples)
            for contrast in summary + single
        ]
    with parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1):
        found = Parallel(return_as="generator")(tasks)
        lines = list(tqdm(found, total=len(tasks), unit="interval", disable=not verbose))
    table, differences = pd.DataFrame(lines[:n_cells]), pd.DataFrame(lines[n_cells:])
    if not sounds.subjects:
        table["subjects"] = differences["subjects"] = None
    return table, differences
