"""Heart sound classification with attention networks, as scikit-learn estimators.

Libraries are imported when a name is first used: ``skheart.uar`` imports scikit-learn, and
``skheart.AttentionCNNClassifier`` torch.
"""

from importlib import import_module

__version__ = "0.1.0"

_MODULE_OF = {
    "AttentionCNNClassifier": "classifiers",
    "AttentionRNNClassifier": "classifiers",
    "Augmentation": "augmentation",
    "HeartCycleTransformer": "segmentation",
    "HeartPhaseSegmenter": "segmentation",
    "LogMelTransformer": "features",
    "PatientClassifier": "patients",
    "PatientPredictions": "patients",
    "RandomOverSampler": "sampling",
    "RecordingDropout": "sampling",
    "bootstrap_interval": "metrics",
    "circor_weighted_accuracy": "metrics",
    "evaluate_by_subject": "evaluation",
    "load": "storage",
    "load_pretrained": "pretrained",
    "make_heart_pipeline": "pipeline",
    "paired_test": "metrics",
    "physionet2016_macc": "metrics",
    "save": "storage",
    "patient_scorer": "patients",
    "uar": "metrics",
    "uar_scorer": "metrics",
}
_SUBMODULES = (
    "audio",
    "audit",
    "augmentation",
    "classifiers",
    "datasets",
    "evaluation",
    "explain",
    "features",
    "metrics",
    "nets",
    "patients",
    "pipeline",
    "plot",
    "pretrained",
    "sampling",
    "segmentation",
    "storage",
)

__all__ = ["__version__", *_MODULE_OF, *_SUBMODULES]


def __getattr__(name):
    if name in _MODULE_OF:
        value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    elif name in _SUBMODULES:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value  # found directly from now on
    return value


def __dir__():
    return sorted({*globals(), *__all__})
