"""The verb `fetch`: download a dataset."""

from __future__ import annotations

from .. import datasets
from ._console import tell

__all__ = ["fetch"]


def fetch(args):
    """Download and verify a dataset."""
    getattr(datasets, f"fetch_{args.dataset}")(args.folder, verbose=int(not args.quiet))
    tell(args, f"{args.dataset} is in {args.folder}")
