"""Model card of the pretrained segmenter."""

from __future__ import annotations

from ._card import GENERATED, SOURCE, describe_part, retraining_command, wrap_prose
from ._card_tables import counts, interval, number
from ._pretrained_runs import PHASES_NAME
from ._store import markdown_table

TEXT = """\
# Phases of the heart cycle in heart sounds: `{name}.safetensors`

**{title}** The model finds S1, systole, S2 and diastole in a recording. It is for research and
teaching.

```python
import skheart

segmenter = skheart.load_pretrained("{name}")
tables = segmenter.predict(["recording.wav"])  # start, end and state, one table per recording
```

`HeartCycleTransformer()` and `make_heart_pipeline(recipe="best")` use it. This card is written by
`{command}` from its measurements.

## What it is not for

- Diagnosis: it is not a medical device, and the times it finds are no diagnosis.
- Extra heart sounds, prosthetic valves and arrhythmia: it assumes a cycle of four phases and finds
  one in every recording, even in noise. `predict_proba` gives its confidence.
- Adults, other stethoscopes and other environments: the patients were children and adolescents of
  screening campaigns and a few pregnant women. Nothing else was tested.
- Scores on the recordings named below, because it was trained on all of them. For such scores train
  a segmenter on the training subjects: `HeartPhaseSegmenter().fit(X, segmentation)`.

## Data, licence and subjects

{source} Used here: {n_recordings} annotated recordings of {n_patients} patient IDs from
{n_subjects} subjects. The annotations come from the data set and cover parts of the recordings.
{part}

## Recipe and seed

`{model}`: {n_parameters} parameters, {megabytes:.2f} MB. SHA-256 of the file: `{sha256}`.
`{command}` trains it again.

## Scores with intervals and subgroups

Share of the annotated frames (16 ms apart) whose phase is correct, averaged over the recordings of
a patient and over patients; cross-validation with {folds} folds by subject{repeats}, so that each
subject is scored by a segmenter trained without that subject. 95% CIs: bootstrap over subjects. The
model in the file was trained on all patients and has no score of its own. Settings were chosen on
these patients, with other folds. At a boundary that is off by one frame, this frame counts as
wrong.

{table}

## Calibration

In annotated frames the mean probability of the most probable phase is {sure}, and {right} of the
frames are correct. Frames without annotation are mostly noise; calibration there is unknown.
"""


def card(data, found, info, options):
    """Fill in the card from the table of `_pretrained_scores.score_phases`."""
    segmenter, circor = info["segmenter"], data.dataset == "circor"
    rows = []
    for _, line in found.iterrows():
        name = line["value"] if line["by"] == "all" else f"{line['by']}: {line['value']}"
        rows.append([name, interval(line), *counts(line)])
    header = ["group", "share of frames, 95% CI by subject", "patients", "subjects"]
    whole = found[found["by"] == "all"].iloc[0]
    text = TEXT.format(
        name=PHASES_NAME,
        title="CirCor DigiScope." if circor else GENERATED,
        command=retraining_command(options),
        source=SOURCE if circor else GENERATED,
        part=describe_part(data).partition(". ")[0].rstrip(".") + ".",
        n_recordings=segmenter["n_recordings"],
        n_patients=whole["n_patients"],
        n_subjects=whole["n_subjects"],
        model=segmenter["model"],
        n_parameters=f"{segmenter['n_parameters']:,}",
        megabytes=segmenter["bytes"] / 1e6,
        sha256=segmenter["sha256"],
        folds=options.folds,
        repeats=f", {options.repeats} times" if options.repeats > 1 else "",
        table=markdown_table(header, rows),
        sure=number(whole["sure"]),
        right=number(whole["score"]),
    )
    return wrap_prose(text) + "\n"
