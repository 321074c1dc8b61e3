"""Model card of the pretrained classifiers, and their table of scores."""

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
from ._pretrained_scores import ECE, GRADED, N_BINS, PUBLISHED_BY, SUBGROUPS

HEAD = """\
# Murmurs in the heart sounds of a patient: `{name}.safetensors`

**{title}** From the recordings of a patient, at one or more of the usual auscultation sites, the
model estimates the probabilities that an annotator would call a murmur {classes}. It is for
research and teaching.

```python
import skheart

model = skheart.load_pretrained("{name}")
X = ...  # a DataFrame with the columns "path" and "patient", one row per recording
predictions = model.predict_patients(X)
```

Or, if file names begin with the patient ID, as in `123_AV.wav`:

```bash
skheart predict --pretrained {name} FOLDER --patient-pattern '([0-9]+)_' --by-patient
```

This card is written by `{command}` from its measurements.

## What it is not for

- Diagnosis: it is not a medical device, was never tested in care, and must not decide about a
  patient.
- Adults: the patients were children and adolescents of screening campaigns and a few pregnant
  women.
- Other stethoscopes, sampling rates other than 4 kHz, and other environments: it was tested on this
  data set only, and scores on other devices are usually lower.
- Arrhythmia, prosthetic valves and extra heart sounds: the labels describe murmurs only. A heart
  without a murmur may be diseased, and a murmur may be innocent.
- "Unknown" means that the annotator could not decide, mostly because of noise. It is not a third
  state of the heart. Record such patients again.
"""

DATA = """\
## Data, licence and subjects

{source} Used here: {n_recordings} recordings of {n_patients} patient IDs from {n_subjects} subjects
({n_twice} with more than one ID; a subject is never on both sides of a split).

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
    "keep this notice if you redistribute it. The file contains no recording."
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

`{command}` repeats all of this. The same seed gives the same predictions with the same versions on
the same kind of machine; `--check` tests it.
"""

SCORES = """\
## Scores with intervals

{how}

{scores}

{classes}

Weighted accuracy: share of correct patients, weighted by class (Present 5, Unknown 3, Absent 1) as
in the challenge. {published}

### Scores of subgroups

{subgroups}

Intervals of small subgroups are wide. Where all patients were correct (or wrong) the interval has
no width, although other patients could differ. Subgroups also differ in their classes: of
{n_single} patients with one recording, {n_single_worst} are {worst}; of all {n_patients},
{n_worst}.

## Calibration

ECE over {n_bins} bins of equal width, of the most probable class: {ece}. {expected} Mean
probability and observed proportion of the class in each bin:

{bins}

The probabilities reflect the class proportions of this data set. Where murmurs are rarer, as in
most screenings, the probability of Present is too high. The probability of Unknown depends on the
proportion of recordings that cannot be judged.

## Known failures

Recall of Present by the annotated grade of the systolic murmur:

{grades}

{failures}
"""

COMPARED = (
    f"The published scores are those of {PUBLISHED_BY}, for another split of the whole data set: "
    "patients and class proportions differ, so they show the order of magnitude, not which model "
    "is better."
)
CHOSEN = (
    " The recipe was chosen on these patients, with other folds, so the scores are somewhat "
    "optimistic; the intervals do not include this."
)
GENERATED = "Trained on generated sounds to test the command; of no other use."


def describe_part(data):
    """Describe which part of the public data set was used."""
    if data.dataset != "circor":
        return GENERATED
    here = data.patients["label"].value_counts()
    proportions = {label: here.get(label, 0) / size for label, size in PUBLIC.items()}
    if all(value == 1 for value in proportions.values()):
        return "This is the whole public set."
    used = ", ".join(f"{value:.0%} of {label}" for label, value in proportions.items())
    fewest = min(proportions, key=proportions.get)
    bias = ": the probabilities of a murmur are too high for it" if fewest == "Absent" else ""
    return (
        f"This is a part of the public set: {len(data.X)} of {PUBLIC_RECORDINGS} recordings, "
        f"{len(data.patients)} of {sum(PUBLIC.values())} patients ({used}). {fewest} is the class "
        "with most patients missing. Class proportions, and therefore calibration, differ from "
        f"those of the whole set{bias}."
    )


def describe_method(data, options):
    """Describe how the scores were computed."""
    repeats = f", {options.repeats} times with other folds and seeds" if options.repeats > 1 else ""
    pooled = "; repeats are pooled" if options.repeats > 1 else ""
    return (
        f"Cross-validation with {options.folds} folds by subject (seed {options.seed}){repeats}: "
        "each patient is predicted by a model of the same recipe trained without that subject. "
        "The model in the file was trained on all patients and has no score of its own. Each "
        f"patient ID counts once{pooled}; AUROC pools the probabilities of all folds. 95% CIs: "
        "bootstrap over the subjects of each class (bias-corrected and accelerated, or percentile "
        "where that is not defined). They describe the variation between patients at these class "
        "proportions, not between seeds." + CHOSEN * (data.dataset == "circor")
    )


def describe_decision(weights):
    """Describe how a label is chosen from probabilities."""
    if len({*weights.values()}) == 1:
        return "The label is the most probable class."
    least = min(weights.values())
    text = ", ".join(f"{label} {weight / least:.2g}" for label, weight in weights.items())
    return (
        f"The label is the class with the largest probability times weight ({text}), which is not "
        "always the most probable class. The weights maximise the expected mean of UAR and "
        "weighted accuracy at the class proportions of this data set."
    )


def lowest_recall(frame):
    """Return the row of the class with the lowest recall."""
    recall = frame[(frame["by"] == "class") & (frame["metric"] == "recall")]
    return recall.loc[recall["score"].idxmin()]


def describe_failures(frame):
    """List the class, the grade and the subgroup with the lowest scores."""
    worst = lowest_recall(frame)
    lines = [f"- The class with the lowest recall is {worst['value']}: {interval(worst)}."]
    grades = frame[frame["by"] == GRADED]
    for _, row in grades[grades["value"] == "I/VI"].iterrows():
        n_missed = round((1 - row["score"]) * row["n_patients"])
        lines.append(
            f"- Soft murmurs: of {row['n_patients']} patients with a murmur of grade I/VI, "
            f"{n_missed} are not predicted as Present."
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
    """Format table.md."""
    circor = data.dataset == "circor"
    title = "CirCor DigiScope, murmur" if circor else "Generated sounds"
    n = f"{len(data.patients)} patients, {data.patients['subject'].nunique()} subjects"
    parts = [
        f"# {title}: {n}", describe_method(data, options), scores_table(frame, circor),
        classes_table(frame), *[COMPARED] * circor,
        "## By subgroup", subgroups_table(frame), "## Recall of Present by grade",
        grades_table(frame), "## Calibration", bins_table(bins),
    ]  # fmt: skip
    return wrap_prose("\n\n".join(parts)) + "\n"


def describe_size(info):
    """Describe the number of trees, networks and parameters of a model."""
    parts = []
    if "n_trees" in info:
        parts.append(f"{info['n_trees']} trees with {info['n_nodes']:,} nodes in total")
    if "n_nets" in info:
        networks = "network" if info["n_nets"] == 1 else "networks"
        total = "" if info["n_nets"] == 1 else " in total"
        parts.append(f"{info['n_nets']} {networks} with {info['n_parameters']:,} parameters{total}")
    if "segmenter" in info:
        parts.append(f"a segmenter with {info['segmenter']['n_parameters']:,} parameters")
    return _enumerate(parts, "and") if len(parts) > 1 else parts[0]


def describe_expected_error(expected):
    """Describe the calibration error that perfect probabilities would have."""
    mean, high = expected
    return (
        f"Perfectly calibrated probabilities would have a mean ECE of {number(mean)} on as many "
        f"patients, and a 95th percentile of {number(high)}."
    )


def retraining_command(options, recipe=""):
    """Return the command that trains and scores a model."""
    return (
        "python -m benchmarks.studies.pretrained --data-home FOLDER --store OUT "
        f"{recipe}--folds {options.folds} --repeats {options.repeats} --seed {options.seed}"
    )


def card(data, frame, bins, info, options, call, weights, expected):
    """Fill in the model card."""
    patients, circor = data.patients, data.dataset == "circor"
    command = retraining_command(options, f"--recipe {options.recipe} ")
    ece = frame[(frame["by"] == "all") & (frame["metric"] == ECE)].iloc[0]
    seconds = info["seconds"]
    single = patients[patients["n_recordings"] == 1]
    worst = lowest_recall(frame)["value"]
    n_ids = patients.groupby("subject").size()
    blocks = [
        HEAD.format(
            name=options.name, command=command, classes=_enumerate([*data.classes], "or"),
            title="CirCor DigiScope, three classes." if circor else GENERATED,
        ),
        DATA.format(
            source=SOURCE if circor else GENERATED, n_recordings=len(data.X),
            n_patients=len(patients), n_subjects=len(n_ids), n_twice=(n_ids > 1).sum(),
            table=data_table(data), part=describe_part(data),
        ),
        TRAINING.format(
            call=call, model=info["model"], size=describe_size(info),
            megabytes=info["bytes"] / 1e6, sha256=info["sha256"],
            decision=describe_decision(weights),
            minutes=f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} s",
            versions=", ".join(f"{k} {v}" for k, v in info["versions"].items()), command=command,
        ),
        SCORES.format(
            how=describe_method(data, options), scores=scores_table(frame, circor),
            classes=classes_table(frame), published=COMPARED if circor else "",
            subgroups=subgroups_table(frame), n_bins=N_BINS,
            ece=interval(ece), bins=bins_table(bins), grades=grades_table(frame),
            failures=describe_failures(frame), expected=describe_expected_error(expected),
            worst=worst, n_patients=len(patients), n_worst=(patients["label"] == worst).sum(),
            n_single=len(single), n_single_worst=(single["label"] == worst).sum(),
        ),
    ]  # fmt: skip
    return wrap_prose("\n".join(blocks)) + "\n"


def wrap_prose(text):
    """Wrap paragraphs and lists to 100 characters, leaving tables, headings and code unchanged."""
    blocks = []
    code = False
    for block in re.sub(r"\n{3,}", "\n\n", text).strip().split("\n\n"):
        if not code and not block.startswith(("|", "#", "```")):
            block = "\n".join(
                textwrap.fill(
                    item, 100, subsequent_indent="  " * item.startswith("- "),
                    break_long_words=False, break_on_hyphens=False,
                )
                for item in re.split(r"\n(?=- )", block)
            )  # fmt: skip
        code ^= block.count("```") % 2 == 1
        blocks.append(block)
    return "\n\n".join(blocks)


def _enumerate(names, conjunction):
    return f"{', '.join(names[:-1])} {conjunction} {names[-1]}"
