"""Networks, explanations, segmenters, trees and patients, recorded by `_recorded.py`.

A section is a function that takes the `Sounds` and yields (name, value) pairs.
"""

from __future__ import annotations

import numpy as np
import torch
from _recorded_sounds import FRONT_END, numbers_of, spectrograms

import skheart

SMALL_CNN = {"channels": (4, 8), "batch_size": 8, "lr": 0.01, "max_epochs": 3, "random_state": 0}
SMALL_RNN = {"units": (8, 6), "batch_size": 8, "lr": 0.02, "max_epochs": 3, "random_state": 0}

CNN_CASES = {
    "default": {},
    "float32": {"precision": "float32"},
    "softmax": {"rectifier": "softmax", "precision": "float32"},
    "flatten": {"head": "flatten", "precision": "float32"},
    "max": {"head": "max", "precision": "float32"},
    "mean": {"head": "mean", "precision": "float32"},
    "kernel-5": {"kernel_size": 5, "precision": "float32"},
    "kernel-2x4": {"kernel_size": (2, 4), "precision": "float32"},
    "fine": {"pool_size": "fine", "precision": "float32"},
    "wide": {"channels": (64, 128), "max_epochs": 1, "precision": "float32"},
    "wide-bfloat16": {"channels": (128, 256), "max_epochs": 1, "precision": "bfloat16"},
    "two-threads": {"channels": (16, 32), "n_threads": 2, "precision": "float32"},
    "masked": {"masked": True, "precision": "float32"},
    "masked-softmax": {"masked": True, "rectifier": "softmax", "precision": "float32"},
    "masked-bfloat16": {"masked": True, "precision": "bfloat16"},
    "augmented": {"augment": "standard", "precision": "float32"},
    "early-stopping": {
        "early_stopping": True,
        "validation_fraction": 0.3,
        "n_iter_no_change": 2,
        "max_epochs": 6,
        "precision": "float32",
    },
    "oversampled": {"oversample": True, "prior_correction": True, "precision": "float32"},
    "class-weight": {"class_weight": "balanced", "precision": "float32"},
    "one-cycle": {
        "lr_schedule": "one_cycle",
        "optimizer__weight_decay": 0.01,
        "precision": "float32",
    },
    "step": {"lr_schedule": "step", "precision": "float32"},
    "plateau": {"lr_schedule": "plateau", "precision": "float32"},
    "bfloat16": {"precision": "bfloat16"},
}
RNN_CASES = {
    "default": {},
    "float32": {"precision": "float32"},
    "softmax": {"rectifier": "softmax", "precision": "float32"},
    "last": {"head": "last", "precision": "float32"},
    "max": {"head": "max", "precision": "float32"},
    "mean": {"head": "mean", "precision": "float32"},
    "bidirectional": {"bidirectional": True, "precision": "float32"},
    "bidirectional-last": {"bidirectional": True, "head": "last", "precision": "float32"},
    "masked": {"masked": True, "precision": "float32"},
    "masked-bidirectional": {"masked": True, "bidirectional": True, "precision": "float32"},
    "bfloat16": {"precision": "bfloat16"},
    "bidirectional-bfloat16": {"bidirectional": True, "precision": "bfloat16"},
}
FAST_CASES = ("default", "float32", "softmax", "wide", "masked", "bidirectional", "bfloat16")


# ---------------------------------------------------------------------- networks


def nets(sounds):
    """Logits, maps and gradients of the torch modules, without an estimator."""
    from skheart.nets import AttentionCNN, AttentionRNN

    makers = {
        "cnn": lambda **params: AttentionCNN(channels=(4, 8), **params),
        "cnn-wide": lambda **params: AttentionCNN(channels=(64, 128), **params),
        "lstm": lambda **params: AttentionRNN(units=(6, 4), **params),
        "gru": lambda **params: AttentionRNN(cell="gru", units=(6, 4), **params),
    }
    lengths = torch.tensor([40, 25, 32, 9])
    for name, make in makers.items():
        for rectifier in ("sigmoid", "softmax"):
            torch.manual_seed(0)
            x = torch.randn(4, 40, 16)
            net = make(n_classes=3, input_shape=(40, 16), rectifier=rectifier)
            at = f"{name}-{rectifier}"
            net.train()
            net(x).square().sum().backward()
            for parameter, value in net.named_parameters():
                yield f"{at}/gradient/{parameter}", value.grad.numpy()
            net.eval()
            with torch.no_grad():
                for kind, maps in (
                    ("whole", net(x, return_maps=True)),
                    ("lengths", net(x, return_maps=True, lengths=lengths)),
                ):
                    for field, value in maps._asdict().items():
                        yield f"{at}/{kind}/{field}", value.numpy()


def explanation_values(name, explanations):
    for row, explanation in enumerate(explanations):
        at = f"{name}/{row}"
        fields = ("logits", "probabilities", "base", "attention", "class_map", "contribution")
        values = {field: getattr(explanation, field, None) for field in fields}
        values |= {f"head/{field}": getattr(explanation.head, field, None) for field in fields[3:]}
        values |= {f"terms/{n}": value for n, value in (explanation.terms or {}).items()}
        cycle = getattr(explanation, "cycle", None)
        if cycle is not None:
            values |= {f"cycle/{n}": getattr(cycle, n) for n in ("contribution", "shares", "edges")}
        yield f"{at}/label", explanation.label
        for field, value in values.items():
            if value is not None:
                yield f"{at}/{field}", value


def fitted_values(name, clf, X):
    """What a fitted classifier of spectrograms predicts, how it learned, and its maps."""
    clf.net_.module_.eval()
    with torch.no_grad():
        yield f"{name}/net_", clf.net_.infer(torch.from_numpy(X)).float().numpy()
    yield f"{name}/predict_proba", clf.predict_proba(X)
    yield f"{name}/predict", clf.predict(X)
    yield f"{name}/train_loss", [float(loss) for loss in clf.history_[:, "train_loss"]]
    if clf.early_stopping:
        yield f"{name}/valid_uar", [float(score) for score in clf.history_[:, "valid_uar"]]
    yield from explanation_values(f"{name}/explain", skheart.explain.explain(clf, X[:2]))


def classifiers(sounds):
    whole, masked = spectrograms(sounds), spectrograms(sounds, masked=True)
    kinds = (
        ("cnn", skheart.AttentionCNNClassifier, SMALL_CNN, CNN_CASES),
        ("lstm", skheart.AttentionRNNClassifier, SMALL_RNN, RNN_CASES),
        ("gru", skheart.AttentionRNNClassifier, {**SMALL_RNN, "cell": "gru"}, RNN_CASES),
    )
    for kind, make, common, cases in kinds:
        for name, params in cases.items():
            if sounds.fast and name not in FAST_CASES:
                continue
            X = masked if params.get("masked") else whole
            clf = make(**common).set_params(**params)
            clf.fit(X, sounds.target, groups=sounds.groups)
            yield from fitted_values(f"{kind}-{name}", clf, X)


def augmentation(sounds):
    augment = skheart.augmentation.Augmentation(
        crop=40, pieces=2, gain=0.3, tilt=0.3, noise=0.1, time_masks=1, mixup=0.3
    )
    clf = skheart.AttentionCNNClassifier(**SMALL_CNN, augment=augment, precision="float32")
    X = spectrograms(sounds)
    yield from fitted_values("cnn", clf.fit(X, sounds.target), X)


def explain(sounds):
    """The other methods of explanation, and the checks."""
    pipeline = skheart.make_heart_pipeline("cnn", random_state=0)
    pipeline.set_params(**{f"logmel__{name}": value for name, value in FRONT_END.items()})
    pipeline.set_params(**{f"clf__{n}": v for n, v in SMALL_CNN.items()}, clf__precision="float32")
    pipeline.fit(sounds.data, sounds.target)
    yield "pipeline/predict_proba", pipeline.predict_proba(sounds.data)
    few = sounds.data[:6]
    for method in ("attention", "occlusion", "integrated_gradients"):
        explanations = skheart.explain.explain(pipeline, few[:2], method=method)
        yield from explanation_values(method, explanations)
    enrichment = skheart.explain.phase_enrichment(
        explanations[0], sounds.segmentation[0], n_shifts=19, random_state=0
    )
    yield from numbers_of("phase_enrichment", enrichment)
    table = skheart.explain.explain_checks(
        pipeline,
        few,
        sounds.target[:6],
        sounds.segmentation[:6],
        groups=sounds.groups[:6],
        random_state=0,
        checks=["completeness", "randomisation", "phases"] if sounds.fast else "all",
    )
    yield from numbers_of("explain_checks", table)


# ---------------------------------------------------------------------- beats and patients


def segmenter_values(name, segmenter, recordings, tables=None):
    for row, table in enumerate(segmenter.predict(recordings)):
        yield f"{name}/{row}/times", table[["start", "end"]].to_numpy()
        yield f"{name}/{row}/state", table["state"].to_numpy(str)
    for row, probabilities in enumerate(segmenter.predict_proba(recordings)):
        yield f"{name}/{row}/predict_proba", probabilities
    if tables is not None:
        yield f"{name}/score", segmenter.score(recordings, tables)


def segmentation(sounds):
    segmenter = skheart.HeartPhaseSegmenter(
        width=8, n_layers=3, crop=2.0, max_epochs=3, batch_size=8, random_state=0
    )
    segmenter.fit(sounds.data, sounds.segmentation)
    for row, probabilities in enumerate(segmenter.predict_proba(sounds.data[:5])):
        yield f"fitted/{row}/predict_proba", probabilities
    yield "fitted/score", segmenter.score(sounds.data, sounds.segmentation)


def trees(sounds):
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.pipeline import make_pipeline

    cycle = skheart.HeartCycleTransformer(contrasts=True)
    X = cycle.fit_transform(sounds.data)
    yield "cycle/features", X
    yield "cycle/files", cycle.transform(list(sounds.files["path"]))
    for make in (ExtraTreesClassifier, RandomForestClassifier):
        model = make_pipeline(cycle, make(n_estimators=8, random_state=0))
        model.fit(sounds.data, sounds.target)
        name = make.__name__
        yield f"{name}/predict_proba", model.predict_proba(sounds.data)
        explanations = skheart.explain.explain(model, sounds.data[:2])
        yield from explanation_values(f"{name}/explain", explanations)
    table = skheart.explain.explain_checks(
        model, sounds.data[:5], sounds.target[:5], sounds.segmentation[:5], random_state=0
    )
    yield from numbers_of("explain_checks", table)


def patient_values(name, model, X, groups=None):
    told = model.predict_patients(X, groups)
    yield f"{name}/patients", told.patients
    yield f"{name}/labels", told.labels
    yield f"{name}/probabilities", told.probabilities
    yield f"{name}/predict", model.predict(X, groups)
    yield f"{name}/predict_proba", model.predict_proba(X, groups)


def small_recipe(recipe):
    """Make a recipe of `make_heart_pipeline` small enough to fit in a second."""
    model = skheart.make_heart_pipeline(recipe=recipe, random_state=0)
    if model.cv is not None:
        model.set_params(cv=2)
    small = {"channels": (4, 8), "max_epochs": 2, "batch_size": 4, "n_estimators": 8}
    sizes = {name: small.get(name.rpartition("__")[2]) for name in model.estimator.get_params()}
    model.estimator.set_params(**{n: size for n, size in sizes.items() if size is not None})
    return model


def patients(sounds):
    from sklearn.pipeline import make_pipeline

    X, y, groups = sounds.data, np.where(sounds.target == "normal", "no", "yes"), sounds.groups
    net = make_pipeline(
        skheart.LogMelTransformer(**{**FRONT_END, "duration": 2.0}),
        skheart.AttentionCNNClassifier(**SMALL_CNN, precision="float32"),
    )
    cases = {
        "mean_probability": {"cv": 2, "calibrator": "logistic", "decision_weight": "balanced"},
        "mean_logit": {"aggregate": "mean_logit", "n_estimators": 2},
        "noisy_or": {"aggregate": "noisy_or", "negative": "no", "window": 1.5},
        "attention": {"aggregate": "attention", "window": 2.0, "overlap": 0.25},
    }
    for name, params in list(cases.items())[: 1 if sounds.fast else None]:
        model = skheart.PatientClassifier(net, random_state=0, **params)
        model.fit(X, y, groups=groups)
        yield from patient_values(name, model, X, groups)
        if model.oof_ is not None:
            yield f"{name}/oof_", model.oof_.probabilities
        scorer = skheart.patient_scorer(skheart.uar)
        yield f"{name}/patient_scorer", scorer(model, X, y, groups=groups)
    for recipe in ("best",) if sounds.fast else ("best", "cycles", "attention"):
        model = small_recipe(recipe).fit(X, y, groups=groups)
        yield from patient_values(recipe, model, X, groups)
        explanations = skheart.explain.explain(model, X[:3], by_patient=True, groups=groups[:3])
        yield from explanation_values(f"{recipe}/explain", explanations[:1])
    drops = skheart.PatientClassifier(make_pipeline_of_sampler(net), join=True, random_state=0).fit(
        X, y, groups=groups
    )
    yield "RecordingDropout/sample_indices_", drops.estimators_[0][0].sample_indices_
    yield from patient_values("RecordingDropout", drops, X, groups)


def make_pipeline_of_sampler(net):
    from imblearn.pipeline import make_pipeline

    return make_pipeline(skheart.RecordingDropout(n_copies=2), *(step for _, step in net.steps))


SECTIONS = (nets, classifiers, augmentation, explain, segmentation, trees, patients)
