"""The card of the model that comes with skheart, and its table of scores: text from numbers."""

from __future__ import annotations

import re
import textwrap

from ._card_tables import (
    PUBLIC,
    PUBLIC_RECORDINGS,
    bins_table,
    classes_table,
    data_table,
    grades_table,
    interval,
    number,
    scores_table,
    subgroups_table,
)
from ._pretrained_scores import (
    ECE,
    GRADED,
    N_BINS,
    PUBLISHED_BY,
    SUBGROUPS,
)

WHOLE_WORDS = {"break_long_words": False, "break_on_hyphens": False}

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
- Adults, but for a few pregnant women: the patients were children and adolescents of screening
  campaigns.
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

{size}; {megabytes:.2f} MB; {minutes} of training on one CPU core. {versions}. SHA-256 of the
file: `{sha256}`.

{decision}

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
width, though another patient could be otherwise. Subgroups differ in their classes, too: of
{n_single} patients with one recording, {n_single_worst} are {worst}; of all {n_patients},
{n_worst}.

## Calibration

ECE over {n_bins} bins of equal width, of the most probable class: {ece}. {expected} In each bin,
the mean probability against the share of patients who have the class:

{bins}

The probabilities were learnt from the shares of the classes in this set. Where murmurs are rarer,
as in most screenings, those of Present are too high; those of Unknown go with the share of
recordings that cannot be judged.

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
CHOSEN = (
    " The recipe was chosen on these same patients, with other folds: the scores are somewhat too "
    "good for that, and the intervals do not say by how much."
)
GENERATED = "Made from generated sounds, to try the command: of no use otherwise."


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
        f"Each patient number counts once{pooled}; ROC AUC pools the probabilities of all folds. "
        "Intervals, 95 %: bootstrap over the subjects of each class (bias-corrected and "
        "accelerated, percentiles where that is not defined); they tell of other patients in these "
        "shares of the classes, not of other seeds." + CHOSEN * (data.dataset == "circor")
    )


def decision(weights):
    """How a label comes from probabilities."""
    if len({*weights.values()}) == 1:
        return "The label is the most probable class."
    least = min(weights.values())
    text = ", ".join(f"{label} {weight / least:.2g}" for label, weight in weights.items())
    return (
        f"The label is the class with the largest probability times weight ({text}), which need "
        "not be the most probable one. The weights are those that are best for the mean of UAR and "
        "weighted accuracy at the shares of the classes in this set, by arithmetic."
    )


def least_found(frame):
    """The line of the class with the lowest recall."""
    recall = frame[(frame["by"] == "class") & (frame["metric"] == "recall")]
    return recall.loc[recall["score"].idxmin()]


def failures(frame):
    """The classes and subgroups that do worst, in words."""
    worst = least_found(frame)
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
    groups = groups[groups["score"].notna() & (groups["note"] == "")]
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
    return wrapped("\n\n".join(parts)) + "\n"


def size_of(told):
    """What the model has learnt, in words."""
    parts = []
    if "n_trees" in told:
        parts.append(f"{told['n_trees']} trees with {told['n_nodes']:,} nodes together")
    if "n_nets" in told:
        plural, together = ("s", " together") if told["n_nets"] != 1 else ("", "")
        text = f"{told['n_nets']} net{plural} with {told['n_parameters']:,} learnt numbers"
        parts.append(text + together)
    if "segmenter" in told:
        n_parameters = told["segmenter"]["n_parameters"]
        parts.append(f"a segmenter with {n_parameters:,} learnt numbers")
    return _listed(parts, "and") if len(parts) > 1 else parts[0]


def calibrated(expected):
    """What the calibration error of perfect probabilities would be."""
    mean, high = expected
    return (
        f"Were these probabilities perfect, it would be {number(mean)} on average, and above "
        f"{number(high)} for one set of patients in twenty."
    )


def card(data, frame, bins, told, options, call, weights, expected):
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
    weights : dict of str to float
        That decide on labels.
    expected : tuple of float
        As `_pretrained_scores.error_if_calibrated` returns them.

    Returns
    -------
    text : str
    """
    patients, circor = data.patients, data.dataset == "circor"
    command = (
        "python -m benchmarks.studies.pretrained --data-home FOLDER --store OUT "
        f"--recipe {options.recipe} --folds {options.folds} --repeats {options.repeats} "
        f"--seed {options.seed}"
    )
    ece = frame[(frame["by"] == "all") & (frame["metric"] == ECE)].iloc[0]
    here = part_of_published(data)
    seconds = told["seconds"]
    single = patients[patients["n_recordings"] == 1]
    worst = least_found(frame)["value"]
    n_each = patients.groupby("subject").size()
    blocks = [
        HEAD.format(
            name=options.name, command=command, classes=_listed([*data.classes]),
            title="CirCor DigiScope, three classes." if circor else GENERATED,
        ),
        DATA.format(
            source=SOURCE if circor else GENERATED, n_recordings=len(data.X),
            n_patients=len(patients), n_subjects=len(n_each), n_twice=(n_each > 1).sum(),
            table=data_table(data), part=here,
        ),
        TRAINING.format(
            call=call, model=told["model"], size=size_of(told),
            megabytes=told["bytes"] / 1e6, sha256=told["sha256"],
            decision=decision(weights),
            minutes=f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} s",
            versions=", ".join(f"{k} {v}" for k, v in told["versions"].items()), command=command,
        ),
        SCORES.format(
            how=method(data, options), scores=scores_table(frame, circor),
            classes=classes_table(frame), published=COMPARED if circor else "",
            subgroups=subgroups_table(frame), n_bins=N_BINS,
            ece=interval(ece), bins=bins_table(bins), grades=grades_table(frame),
            failures=failures(frame), expected=calibrated(expected), worst=worst,
            n_patients=len(patients), n_worst=(patients["label"] == worst).sum(),
            n_single=len(single), n_single_worst=(single["label"] == worst).sum(),
        ),
    ]  # fmt: skip
    return wrapped("\n".join(blocks)) + "\n"


def wrapped(text):
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


def _listed(names, last="or"):
    return f"{', '.join(names[:-1])} {last} {names[-1]}"
