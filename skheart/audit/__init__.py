"""Whether a split, or a data set, tells what a model will do on others: leaks and sites."""

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
