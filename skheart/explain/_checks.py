"""Whether explanations are true of the model."""

__all__ = ["explain_checks"]


def explain_checks(estimator, X, y, segmentation=None):
    raise NotImplementedError
