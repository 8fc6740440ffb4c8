"""Recorded sessions: write a log while a session runs, fold it again later, look at any moment of it.

A session's state is a pure fold of events, so a log of those events is the whole session. The format is described in
``docs/log-format.md``.

>>> from agor_reactive import logs
>>> with logs.open("session.jsonl.zst") as log:  # doctest: +SKIP
...     print(log.fold().tasks[-1].status)
"""

from agor_reactive.logs.changes import Diff
from agor_reactive.logs.export import Export, export
from agor_reactive.logs.files import Damage
from agor_reactive.logs.log import Log, LoggedMirror, open
from agor_reactive.logs.recording import Recording, record
from agor_reactive.logs.replaying import replay

__all__ = ["Damage", "Diff", "Export", "Log", "LoggedMirror", "Recording", "export", "open", "record", "replay"]
