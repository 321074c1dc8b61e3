"""The public names of the package: none is removed, added or moved by accident."""

import inspect
from importlib import import_module
from pkgutil import walk_packages

import skheart

# Public modules, each followed by the names that it lists in `__all__`.
PUBLIC_NAMES = """
skheart
    AttentionCNNClassifier
    AttentionRNNClassifier
    Augmentation
    HeartCycleTransformer
    HeartPhaseSegmenter
    LogMelTransformer
    PatientClassifier
    PatientPredictions
    RandomOverSampler
    RecordingDropout
    __version__
    audio
    audit
    augmentation
    bootstrap_interval
    circor_weighted_accuracy
    classifiers
    datasets
    evaluate_by_subject
    evaluation
    explain
    features
    load
    load_pretrained
    make_heart_pipeline
    metrics
    nets
    paired_test
    patient_scorer
    patients
    physionet2016_macc
    pipeline
    plot
    pretrained
    sampling
    save
    segmentation
    storage
    uar
    uar_scorer
skheart.audio
    NoHeartbeatWarning
    ReadableRecordings
    RecordingQuality
    RecordingWarning
    find_readable
    measure_quality
    quality
    read_recording
skheart.audit
    SiteAudit
    SplitAudit
    SplitLeakError
    audit_split
    find_shared_audio
    merge_groups
    site_audit
skheart.augmentation
    Augmentation
skheart.classifiers
    AttentionCNNClassifier
    AttentionRNNClassifier
    HeartSoundNet
skheart.cli
    main
skheart.datasets
    FetchError
    LeakageWarning
    fetch_circor
    fetch_physionet2016
    list_recordings
    load_circor
    load_folder
    load_hss
    load_physionet2016
    load_table
    make_heart_sounds
skheart.evaluation
    ScoreReport
    SubjectEvaluation
    class_table
    evaluate_by_subject
    evaluate_predictions
    hold_out_by_subject
    report
    results_table
skheart.explain
    CycleMaps
    Explanation
    Maps
    explain
    explain_checks
    phase_enrichment
    write_report
skheart.explain.report
    write_report
skheart.features
    LogMelTransformer
skheart.metrics
    Interval
    PairedTest
    SCORERS
    bootstrap_interval
    circor_cost
    circor_weighted_accuracy
    circor_weighted_accuracy_scorer
    expected_calibration_error
    get_scorer
    neg_circor_cost_scorer
    neg_expected_calibration_error_scorer
    paired_test
    physionet2016_macc
    physionet2016_macc_scorer
    sensitivity
    sensitivity_at_specificity
    sensitivity_at_specificity_scorer
    sensitivity_scorer
    specificity
    specificity_scorer
    uar
    uar_scorer
skheart.nets
    AttentionCNN
    AttentionMaps
    AttentionPooling
    AttentionRNN
skheart.patients
    PatientClassifier
    PatientPredictions
    patient_scorer
skheart.pipeline
    MODELS
    make_heart_pipeline
skheart.plot
    AttentionDisplay
    HeartCycleDisplay
    HistoryDisplay
    LogMelDisplay
    ScoreDisplay
    SiteAuditDisplay
skheart.pretrained
    list_pretrained
    load_pretrained
    model_card
skheart.sampling
    RandomOverSampler
    RecordingDropout
skheart.segmentation
    HeartCycleTransformer
    HeartPhaseSegmenter
    PHASES
    phases_at
skheart.storage
    STORABLE
    load
    save
"""


def listed_names():
    names, module = set(), None
    for line in PUBLIC_NAMES.strip().splitlines():
        if not line.startswith(" "):
            module = line
        names.add(line if line == module else f"{module}.{line.strip()}")
    return names


def public_modules():
    names = [module.name for module in walk_packages(skheart.__path__, "skheart.")]
    return [skheart, *(import_module(name) for name in names if "._" not in name)]


def names_in(module):
    """Names in `__all__`, or, without one, the public classes and functions defined there."""
    if hasattr(module, "__all__"):
        return module.__all__
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and f"{value.__module__}.".startswith(f"{module.__name__}.")
    ]


def test_public_names_are_exactly_those_listed():
    modules = public_modules()
    found = {module.__name__ for module in modules}
    found |= {f"{module.__name__}.{name}" for module in modules for name in names_in(module)}
    listed = listed_names()
    assert sorted(listed - found) == []  # missing from the package
    assert sorted(found - listed) == []  # missing from the list above


def test_every_listed_name_exists():
    names = listed_names() - {"skheart"}
    owners = {name: import_module(name.rpartition(".")[0]) for name in names}
    assert [n for n, owner in owners.items() if not hasattr(owner, n.rpartition(".")[2])] == []
