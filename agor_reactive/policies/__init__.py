"""Policies: answer permission requests automatically, with an audit line for each decision.

>>> from agor_reactive.policies import approve_if, dry_run
>>> async with approve_if(handle, lambda asked: asked.tool_name == "Read", audit="audit.jsonl"):   # doctest: +SKIP
...     await handle.ask("Read the tests.", at_permission=False)
>>> print(dry_run(lambda asked: asked.tool_name == "Read", logs.open("session.jsonl.zst")))        # doctest: +SKIP
would have approved 41 of 50, 9 left to a person
"""

from agor_reactive.policies.approving import Approvals, BlockingApprovals, approve_if
from agor_reactive.policies.audit import Audit, AuditFile
from agor_reactive.policies.judging import Decided, Otherwise, Predicate
from agor_reactive.policies.rehearsal import DryRun, dry_run, requests_of

__all__ = [
    "Approvals",
    "Audit",
    "AuditFile",
    "BlockingApprovals",
    "Decided",
    "DryRun",
    "Otherwise",
    "Predicate",
    "approve_if",
    "dry_run",
    "requests_of",
]
