"""`permissions dry-run`: what a policy by the names of tools would have decided about the requests of a log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path

from agor_reactive import logs
from agor_reactive.adapters.presentation.plain import one_line
from agor_reactive.cli.endings import FAULT, WELL, complain
from agor_reactive.errors import UsageError
from agor_reactive.models.base import thaw
from agor_reactive.policies import dry_run
from agor_reactive.session.permissions import PendingPermission

__all__ = ["rehearse"]


def rehearse(paths: Sequence[Path], names: Sequence[str], *, as_json: bool) -> int:
    """Print the verdicts by tool, or a JSON line for each request, and the sum."""
    if not names:
        raise UsageError("name the tools to approve (--approve NAME)")

    def is_approved(request: PendingPermission) -> bool:
        return any(fnmatchcase(request.tool_name, name) for name in names)

    log = logs.open(list(paths))
    result = dry_run(is_approved, log)
    if as_json:
        for decided in result.decisions:
            print(json.dumps({**asdict(decided), "tool_input": thaw(decided.tool_input)}))
    else:
        counts = Counter((decided.tool_name, decided.verdict) for decided in result.decisions)
        for (tool, verdict), count in sorted(counts.items()):
            print(f"{count:>6,}  {verdict:<8}  {one_line(tool)}")
        print(result)
    for damage in log.damage:
        complain(str(damage))
    return FAULT if log.damage and not result.decisions else WELL
