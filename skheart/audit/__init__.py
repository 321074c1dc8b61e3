"""Checks of splits and data sets for leakage and site effects.

Comes in: a split, the subjects, the recordings or features, and their sites.
Goes out: tables of what training and test share (`SplitAudit`, DataFrame), and of the scores at
seen and unseen sites (`SiteAudit`).

Files in reading order: `_overlap`, `_shared_audio`, `_split`, `_sites`.
Floor 4: may import `audio`, `evaluation`, `features`, `metrics` and `_utils`.
"""

from ._shared_audio import find_shared_audio, merge_groups
from ._sites import SiteAudit, site_audit
from ._split import SplitAudit, SplitLeakError, audit_split

__all__ = [
    "SiteAudit",
    "SplitAudit",
    "SplitLeakError",
    "audit_split",
    "find_shared_audio",
    "merge_groups",
    "site_audit",
]
