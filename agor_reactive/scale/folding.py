"""The tasks that workers run. Pure: the same files give the same rows, so that Dask may run one again anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agor_reactive.core.snapshot import SessionState
from agor_reactive.errors import MissingExtra, UsageError
from agor_reactive.logs.files import Damage
from agor_reactive.logs.log import Log
from agor_reactive.scale.plan import PlannedLog
from agor_reactive.scale.tables import Rows, rows_of

__all__ = ["damage_of", "fold_partition", "last_states"]

_MIRRORS_OF_A_LOG = 2**24


def fold_partition(logs: Sequence[PlannedLog]) -> Rows:
    """Fold these logs, one after the other. One that cannot be read any more is damage; the others go on."""
    damage: list[Damage] = []
    return rows_of(_numbered(logs, damage), _Late(damage))


class _Late(Sequence[Damage]):
    """The damages that are found while the rows are made."""

    def __init__(self, found: list[Damage]) -> None:
        self._found = found

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, at: int) -> Damage:  # type: ignore[override]
        return self._found[at]


def _numbered(logs: Sequence[PlannedLog], damage: list[Damage]) -> Iterator[tuple[int, SessionState]]:
    for log in logs:
        states = _states(log, damage)
        while states:
            number = min(states)
            yield log.order * _MIRRORS_OF_A_LOG + number, states.pop(number)


def _states(log: PlannedLog, damage: list[Damage]) -> dict[int, SessionState]:
    opened = Log(log.parts)
    try:
        states = opened.fold_mirrors()
    except MissingExtra:
        raise
    except UsageError as error:  # it could be read when the fold was planned
        states = {}
        damage.append(Damage(log.parts[0].path, 0, str(error)))
    damage.extend(opened.damage)
    return states


def damage_of(rows: Rows) -> tuple[Damage, ...]:
    """What could not be read in a partition."""
    return rows.damage


def last_states(logs: Sequence[PlannedLog], newest: dict[str, int]) -> list[SessionState]:
    """The last state of each session whose newest log, by its order, is one of these."""
    found = []
    for log in logs:
        of_session = {state.session_id: state for _, state in sorted(_states(log, []).items())}
        found += [state for session_id, state in of_session.items() if newest.get(session_id) == log.order]
    return found  # a list, because a worker may have to send it to another
