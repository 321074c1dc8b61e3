"""The card of the model that comes with skheart, and its table of scores: text from numbers."""

from __future__ import annotations

import re
import textwrap

import numpy as np

from ._paper_table import _markdown as ruled
from ._pretrained_runs import NAME
from ._pretrained_scores import (
    ECE,
    GRADED,
    N_BINS,
    OF_SUBGROUPS,
    PUBLISHED,
    PUBLISHED_BY,
    SUBGROUPS,
)

WHOLE_WORDS = {"break_long_words": False, "break_on_hyphens": False}
NAMES = {
    "uar": "UAR",
    "circor_weighted_accuracy": "weighted accuracy",
    "roc_auc": "ROC AUC, mean of the classes",
    ECE: "ECE",
}
# The public part of CirCor 1.0.3, by patient: M. A. Reyna et al., "Heart murmur detection from
# phonocardiogram recordings: The George B. Moody PhysioNet Challenge 2022", PLOS Digital Health
# 2(9), e0000324, 2023; recordings: https://physionet.org/content/circor-heart-sound/1.0.3/
PUBLIC = {"Absent": 695, "Present": 179, "Unknown": 68}
PUBLIC_RECORDINGS = 3163

HEAD = """\
# Murmurs in the heart sounds of a patient: `{name}.safetensors`

**{title}** From the recordings of a patient (one or more of the usual auscultation sites) the model
gives the probabilities that a murmur is {classes}, as an annotator would say who listened to them.
It is for research and teaching.

```python
import skheart

model = skheart.load_pretrained("{name}")
X = ...  # a DataFrame with the columns "path" and "patient", one row for each recording
predictions = model.predict_patients(X)
```

Or, where the names of files begin with the patient, as in `123_AV.wav`:

```bash
skheart predict --pretrained {name} FOLDER --patient-pattern '([0-9]+)_' --by-patient
```

This card is written by `{command}` from what it measured.

## What it is not for

- It is no medical device and gives no diagnosis. It was never tried in care, and it must not decide
  about a patient.
- Adults. The patients were children and adolescents of screening campaigns, and pregnant women.
- Other stethoscopes, other rates than 4 kHz, other rooms: nothing but this data set was tried, and
  a score on other devices is mostly lower.
- Arrhythmia, prosthetic valves, extra sounds: the labels tell of murmurs alone. A heart without a
  murmur may be ill, and a murmur may be harmless.
- "Unknown" means that the annotator could not decide, mostly for noise. It is no third state of the
  heart; take it as a wish for better recordings.
"""

DATA = """\
## Data, licence and subjects

{source} Used here: {n_recordings} recordings of {n_patients} patient numbers, who are
{n_subjects} persons ({n_twice} with more than one number; a person is never on both sides of a
split).

{table}

{part}
"""

SOURCE = (
    'CirCor DigiScope phonocardiogram dataset 1.0.3: J. Oliveira et al., "The CirCor DigiScope '
    'Dataset: From Murmur Detection to Murmur Classification", IEEE J. Biomed. Health Inform. '
    "26(6), 2524-2535, 2022, https://doi.org/10.1109/JBHI.2021.3137048; A. L. Goldberger et al., "
    '"PhysioBank, PhysioToolkit, and PhysioNet", Circulation 101(23), e215-e220, 2000. Open Data '
    "Commons Attribution License 1.0 (ODC-By), https://opendatacommons.org/licenses/by/1-0/. The "
    "model contains information from this data set, which is made available under that licence; "
    "whoever passes it on keeps this notice. No recording is in the file."
)

TRAINING = """\
## Recipe and seed

`{call}`, fitted once on all patients:

```text
{model}
```

{n_nets} net{plural} with {n_parameters} learnt numbers{together}; {megabytes:.2f} MB; {minutes}
of training on {cores} CPU cores. {versions}. SHA-256 of the file: `{sha256}`.

`{command}` does all of this again. The same seed gives the same predictions with the same versions
on the same kind of machine; `--check` tests it.
"""

SCORES = """\
## Scores with intervals

{how}

{scores}

{classes}

Weighted accuracy: right patients weighted by their class (Present 5, Unknown 3, Absent 1), as in
the challenge. {published}

### Scores of subgroups

{subgroups}

An interval of a small subgroup is wide, and where every patient was right (or wrong) it has no
width, though another patient could be otherwise.

## Calibration

ECE over {n_bins} bins of equal width, of the most probable class: {ece}. In each bin, the mean
probability against the share of patients who have the class:

{bins}

The probabilities were learnt from the shares of the classes in this set. Where murmurs are rarer,
as in most screenings, those of Present and Unknown are too high.

## Known failures

Recall of Present by the grade of the systolic murmur, as annotated:

{grades}

{failures}
"""

COMPARED = (
    f"The published scores are those of {PUBLISHED_BY}: another split of the whole data set, so "
    "neither the same patients nor the same shares of the classes. They show the order of "
    "magnitude, not who is better."
)
GENERATED = "Made from generated sounds, to try the command: of no use otherwise."


def number(value):
    return "" if value is None or np.isnan(value) else f"{value:.3f}"


def interval(line):
    """A score with its interval, or why there is none."""
    if np.isnan(line["score"]):
        return f"- ({line['note']})"
    ends = "" if np.isnan(line["low"]) else f" [{number(line['low'])}, {number(line['high'])}]"
    return f"{number(line['score'])}{ends}"


def counts(line):
    return [str(line["n_patients"]), str(line["n_subjects"])]


def scores_table(frame, published):
    """Scores of all patients, beside those that are published, if they are of this data set."""
    rows = []
    for _, line in frame[frame["by"] == "all"].iterrows():
        name = line["metric"]
        text = NAMES.get(name, name.replace("roc_auc of ", "ROC AUC of "))
        rows.append([text, interval(line), *counts(line)])
        if published:
            rows[-1].append(number(PUBLISHED.get(name)))
    header = ["score", "95 % interval by subject", "patients", "subjects"]
    header += ["published, other split"] * published
    return ruled(header, rows)


def classes_table(frame):
    """Recall and precision of each class."""
    own = frame[frame["by"] == "class"]
    rows = []
    for label in dict.fromkeys(own["value"]):
        recall, precision = (
            own[(own["value"] == label) & (own["metric"] == name)].iloc[0]
            for name in ("recall", "precision")
        )
        rows.append([label, interval(recall), *counts(recall), interval(precision)])
    return ruled(["class", "recall", "patients", "subjects", "precision"], rows)


def subgroups_table(frame):
    """Some scores of each subgroup."""
    rows = []
    for by in SUBGROUPS.values():
        own = frame[frame["by"] == by]
        for value in dict.fromkeys(own["value"]):
            lines = own[own["value"] == value].set_index("metric")
            texts = [interval(lines.loc[name]) for name in OF_SUBGROUPS]
            note = lines["note"].iloc[0] if np.isfinite(lines["score"].iloc[0]) else ""
            rows.append([f"{by}: {value}", *texts, *counts(lines.iloc[0]), note])
    header = ["subgroup", *(NAMES[name] for name in OF_SUBGROUPS), "patients", "subjects", "note"]
    return ruled(header, rows)


def grades_table(frame):
    """Recall of Present by grade."""
    rows = [
        [line["value"], interval(line), *counts(line)]
        for _, line in frame[frame["by"] == GRADED].iterrows()
    ]
    return ruled(["grade", "recall of Present", "patients", "subjects"], rows)


def bins_table(bins):
    """Reliability, a line for each bin that holds a patient."""
    rows = [
        [line["class"], f"({line['low']:.1f}, {line['high']:.1f}]", str(line["n"]),
         number(line["probability"]), number(line["share"])]
        for _, line in bins.iterrows()
    ]  # fmt: skip
    return ruled(["class", "bin", "predictions", "mean probability", "share"], rows)


def data_table(data):
    """Patients of each class here and in all that is published."""
    here = data.patients["label"].value_counts()
    n = len(data.patients)
    header, rows = ["", "patients here", "share"], []
    published = data.dataset == "circor"
    if published:
        header += ["in the whole public set", "share"]
    for label in data.classes:
        row = [label, str(here[label]), f"{here[label] / n:.1%}"]
        if published:
            row += [str(PUBLIC[label]), f"{PUBLIC[label] / sum(PUBLIC.values()):.1%}"]
        rows.append(row)
    return ruled(header, rows)


def part_of_published(data):
    """What the part of the public set that was used means for the model."""
    if data.dataset != "circor":
        return GENERATED
    n = len(data.patients)
    here, total = data.patients["label"].value_counts(), sum(PUBLIC.values())
    if all(here.get(label, 0) == size for label, size in PUBLIC.items()):
        return "This is the whole public set."
    shares = {label: here.get(label, 0) / size for label, size in PUBLIC.items()}
    taken = ", ".join(f"{share:.0%} of {label}" for label, share in shares.items())
    fewest = min(shares, key=shares.get)
    text = (
        f"This is a part of the public set: {len(data.X)} of {PUBLIC_RECORDINGS} recordings, {n} "
        f"of {total} patients ({taken}). {fewest} is the class of which most is missing. The "
        "classes have other shares than in the whole, and so the calibration is another"
    )
    return text + (": murmurs seem more likely than they are." if fewest == "Absent" else ".")


def method(data, options):
    """How the scores came to be."""
    repeats = f", {options.repeats} times with other folds and seeds" if options.repeats > 1 else ""
    pooled = "; repeats are pooled" if options.repeats > 1 else ""
    return (
        f"Cross-validation with {options.folds} folds by subject (seed {options.seed}){repeats}: "
        "each patient is predicted by a model of the same recipe that was trained without that "
        "person. The model of this file was trained on all patients; it has no score of its own. "
        f"Each patient number counts once{pooled}. Intervals: bias-corrected and accelerated "
        "bootstrap over the subjects, 95 %; they tell of other patients, not of other seeds."
    )


def failures(frame):
    """The classes and subgroups that do worst, in words."""
    recall = frame[(frame["by"] == "class") & (frame["metric"] == "recall")]
    worst = recall.loc[recall["score"].idxmin()]
    lines = [f"- The class found least is {worst['value']}: recall {interval(worst)}."]
    grades = frame[frame["by"] == GRADED]
    soft = grades[grades["value"] == "I/VI"]
    for _, line in soft.iterrows():
        n_missed = round((1 - line["score"]) * line["n_patients"])
        lines.append(
            f"- Soft murmurs: of {line['n_patients']} patients with a murmur of grade I/VI, "
            f"{n_missed} are not called Present."
        )
    groups = frame[frame["by"].isin(SUBGROUPS.values()) & (frame["metric"] == "uar")]
    groups = groups[groups["score"].notna() & ~groups["note"].str.startswith("without")]
    if len(groups):
        worst = groups.loc[groups["score"].idxmin()]
        lines.append(
            f"- The subgroup with the lowest UAR is {worst['by']}, {worst['value']} "
            f"({worst['n_patients']} patients): {interval(worst)}."
        )
    return "\n".join(lines)


def table_text(data, frame, bins, options):
    """The text of table.md."""
    circor = data.dataset == "circor"
    title = "CirCor DigiScope, murmur" if circor else "Generated sounds"
    n = f"{len(data.patients)} patients, {data.patients['subject'].nunique()} subjects"
    parts = [
        f"# {title}: {n}", method(data, options), scores_table(frame, circor),
        classes_table(frame), *[COMPARED] * circor,
        "## By subgroup", subgroups_table(frame), "## Recall of Present by grade",
        grades_table(frame), "## Calibration", bins_table(bins),
    ]  # fmt: skip
    return _wrapped("\n\n".join(parts)) + "\n"


def card(data, frame, bins, told, options, call):
    """The text of the card.

    Parameters
    ----------
    data : Recordings
        What was trained on.
    frame : DataFrame
        Of the report of scores.
    bins : DataFrame
        As `_pretrained_scores.reliability` returns them.
    told : dict
        What `_pretrained_runs.store_model` noted of the training.
    options : Namespace
        Of the command: `folds`, `repeats`, `seed`.
    call : str
        What made the model, as code.

    Returns
    -------
    text : str
    """
    patients, circor = data.patients, data.dataset == "circor"
    command = (
        "python -m benchmarks.pretrained --data-home FOLDER --store OUT "
        f"--folds {options.folds} --repeats {options.repeats} --seed {options.seed}"
    )
    ece = frame[(frame["by"] == "all") & (frame["metric"] == ECE)].iloc[0]
    here = part_of_published(data)
    n_nets, seconds = told["n_nets"], told["seconds"]
    n_each = patients.groupby("subject").size()
    blocks = [
        HEAD.format(
            name=NAME, command=command, classes=_listed([*data.classes]),
            title="CirCor DigiScope, three classes." if circor else GENERATED,
        ),
        DATA.format(
            source=SOURCE if circor else GENERATED, n_recordings=len(data.X),
            n_patients=len(patients), n_subjects=len(n_each), n_twice=(n_each > 1).sum(),
            table=data_table(data), part=here,
        ),
        TRAINING.format(
            call=call, model=told["model"], n_nets=n_nets, plural="s" * (n_nets != 1),
            n_parameters=f"{told['n_parameters']:,}", together=" together" * (n_nets != 1),
            megabytes=told["bytes"] / 1e6, cores=told["cores"], sha256=told["sha256"],
            minutes=f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} s",
            versions=", ".join(f"{k} {v}" for k, v in told["versions"].items()), command=command,
        ),
        SCORES.format(
            how=method(data, options), scores=scores_table(frame, circor),
            classes=classes_table(frame), published=COMPARED if circor else "",
            subgroups=subgroups_table(frame), n_bins=N_BINS,
            ece=interval(ece), bins=bins_table(bins), grades=grades_table(frame),
            failures=failures(frame),
        ),
    ]  # fmt: skip
    return _wrapped("\n".join(blocks)) + "\n"


def _wrapped(text):
    """Lines of at most 100 characters, but for tables and code."""
    blocks = []
    code = False
    for block in re.sub(r"\n{3,}", "\n\n", text).strip().split("\n\n"):
        if not code and not block.startswith(("|", "#", "```")):
            items = re.split(r"\n(?=- )", block)
            indents = ["  " if item.startswith("- ") else "" for item in items]
            block = "\n".join(
                textwrap.fill(item, 100, subsequent_indent=indent, **WHOLE_WORDS)
                for item, indent in zip(items, indents, strict=True)
            )
        code ^= block.count("```") % 2 == 1
        blocks.append(block)
    return "\n\n".join(blocks)


def _listed(names):
    return f"{', '.join(names[:-1])} or {names[-1]}"
