"""The persistent map: a change makes a new map, the old one stays as it was, and both share nearly everything.

Every version of one line shares one dict of positions, to which keys are only ever added; a version knows how many of
them are its own. The values lie in lists of `WIDTH`, by position; the last list, the tail, is at hand. So a look-up is
one in a dict and a step or two, a new key is an append in place, and a new value copies the tail if it is among the
newest `WIDTH`, else one list and the list of lists. Measured here (CPython 3.11, 1,000 keys, ns): look-up 200, new key
500, new value 400 in the tail and 600 before it; `rpds.HashTrieMap` takes 600, 1,700 and 2,100, `dict` copied 5,000.

Only one successor of a version may append in place, whichever is first: the one that gets hold of the version's
`claim`, which is atomic whatever the threads. The others copy, once.

A batch of changes needs only its last version. It passes an `owner`, an object that nothing else has: the first change
makes a version of that owner, further ones change that version in place. It is as immutable as any other from the
moment on that the batch is over and its owner is gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import compress
from operator import is_not
from typing import Any, Generic, TypeVar, overload

__all__ = ["PMap"]

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")

BITS = 6
WIDTH = 1 << BITS
_MASK = WIDTH - 1

_HOLE: Any = object()
"""What lies where a key was removed."""

_new = object.__new__


class PMap(Generic[K, V]):
    """An immutable mapping, in the order of first insertion (a key that comes back takes its old place).

    `reach` is how many positions are this version's own: 0 if nothing was ever put into it. Reading it is quicker
    than `len`.
    """

    __slots__ = ("_claim", "_holes", "_index", "_lists", "_owner", "_tail", "_tail_at", "_tail_owner", "reach")

    _index: dict[K, int]
    reach: int
    _holes: int
    _lists: list[list[Any]]
    _tail: list[Any]
    _tail_at: int  # position of its first value
    _claim: list[None]
    _owner: object  # may change this version in place; None: nothing may
    _tail_owner: object  # may replace values in the tail, which older versions do not share then

    def __init__(self, items: Mapping[K, V] | None = None) -> None:
        values: list[Any] = list(items.values()) if items else []
        count = len(values)
        self._index = dict(zip(items, range(count), strict=True)) if items else {}
        self.reach = count
        self._holes = 0
        # A map without keys may be the beginning of many lines: none of them may put its own into it.
        self._claim = [None] if values else []
        self._tail_at = (count - 1) & ~_MASK if count else 0
        self._lists = [values[at : at + WIDTH] for at in range(0, self._tail_at, WIDTH)]
        self._tail = values[self._tail_at :]
        self._owner = self._tail_owner = None

    # ----------------------------------------------------------------------------------------------------- look-up

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: D) -> V | D: ...
    def get(self, key: K, default: Any = None) -> Any:
        """The value of the key, or `default`."""
        at = self._index.get(key)
        if at is None or at >= self.reach:
            return default
        in_tail = at - self._tail_at
        value = self._tail[in_tail] if in_tail >= 0 else self._lists[at >> BITS][at & _MASK]
        return default if value is _HOLE else value

    def __contains__(self, key: object) -> bool:
        at = self._index.get(key)  # type: ignore[arg-type]
        return at is not None and at < self.reach and (not self._holes or self._at(at) is not _HOLE)

    def _at(self, at: int) -> Any:
        in_tail = at - self._tail_at
        return self._tail[in_tail] if in_tail >= 0 else self._lists[at >> BITS][at & _MASK]

    def __getitem__(self, key: K) -> V:
        value: V = self.get(key, _HOLE)
        if value is _HOLE:
            raise KeyError(key)
        return value

    def __len__(self) -> int:
        return self.reach - self._holes

    def __iter__(self) -> Iterator[K]:
        for key, _ in self.items():
            yield key

    def keys(self) -> Iterator[K]:
        """Each key."""
        return iter(self)

    def items(self) -> Iterator[tuple[K, V]]:
        """Each key with its value."""
        for key, value in zip(tuple(self._index), self._slots(), strict=False):
            if value is not _HOLE:
                yield key, value

    def values(self) -> Iterator[V]:
        """Each value."""
        for value in self._slots():
            if value is not _HOLE:
                yield value

    def changed_since(self, older: PMap[K, V]) -> list[V]:
        """The values that are new, or other objects than in `older`, an earlier version of the same line, in order.

        Costs as much as the lists of values that differ. All values if `older` is of another line (after many removals
        the keys are numbered anew). Removed keys do not show.
        """
        if self._index is not older._index:
            return list(self.values())
        lists, were = self._lists, older._lists
        found: list[V] = []
        for number in range(len(lists) if lists is were else 0, len(lists) + 1):
            mine = lists[number] if number < len(lists) else self._tail[: self.reach - self._tail_at]
            theirs: list[Any] = []
            if number < len(were):
                theirs = were[number]
                if theirs is mine:
                    continue
            elif number == len(were):
                theirs = older._tail[: older.reach - older._tail_at]
            found += compress(mine, map(is_not, mine, theirs))
            found += mine[len(theirs) :]
        return [value for value in found if value is not _HOLE] if self._holes else found

    def _slots(self) -> list[Any]:
        slots = [value for values in self._lists for value in values]
        slots += self._tail[: self.reach - self._tail_at]
        return slots

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PMap):
            return self is other or dict(self.items()) == dict(other.items())
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"PMap({dict(self.items())!r})"

    def __reduce__(self) -> tuple[type[PMap[K, V]], tuple[dict[K, V]]]:
        return (PMap, (dict(self.items()),))

    # ------------------------------------------------------------------------------------------------------ change

    def insert(self, key: K, value: V, owner: object = None) -> PMap[K, V]:
        """With this value for the key."""
        count = self.reach
        index = self._index
        at = index.get(key)
        if at is not None and at < count:
            if self._holes and self._at(at) is _HOLE:
                return self._put(at, value, self._holes - 1)
            return self.replace(key, value, owner)
        try:
            self._claim.pop()
        except IndexError:  # another successor has appended already, or none may
            return self._apart().insert(key, value, owner)
        index[key] = count
        tail = self._tail
        tail_at = self._tail_at
        new: PMap[K, V]
        if owner is not None and self._owner is owner:
            new = self
        else:
            new = _new(PMap)
            new._index = index
            new._holes = self._holes
            new._lists = self._lists
            new._tail = tail
            new._tail_at = tail_at
            new._owner = owner
            new._tail_owner = None
        new.reach = count + 1
        new._claim = [None]
        if count - tail_at < WIDTH:
            tail.append(value)
        else:
            # Copied, so that an older version keeps no more than a tail alive of what came after it.
            new._lists = [*self._lists, tail]
            new._tail = [value]
            new._tail_at = count
            new._tail_owner = owner
        return new

    def _apart(self) -> PMap[K, V]:
        """The same on a separate line. Its keys are copied, at C speed."""
        new: PMap[K, V] = _new(PMap)
        count = new.reach = self.reach
        # Keys come in the order of their positions: those that are not this version's are the last ones.
        index = new._index = self._index.copy()
        for _ in range(len(index) - count):
            index.popitem()
        new._holes = self._holes
        new._claim = [None]
        new._lists = self._lists
        tail_at = new._tail_at = self._tail_at
        new._tail = self._tail[: count - tail_at]
        new._owner = new._tail_owner = None
        return new

    def replace(self, key: K, value: V, owner: object = None) -> PMap[K, V]:
        """With this value for a key that is there. Unchecked: of a key that is not, a KeyError at best."""
        at = self._index[key]
        tail_at = self._tail_at
        if at < tail_at:
            return self._put(at, value, self._holes)
        if owner is not None and self._tail_owner is owner and self._owner is owner:
            self._tail[at - tail_at] = value
            return self
        new: PMap[K, V] = _new(PMap)
        new._index = self._index
        new.reach = self.reach
        new._holes = self._holes
        new._claim = self._claim
        new._lists = self._lists
        new._tail_at = tail_at
        tail = new._tail = self._tail.copy()
        tail[at - tail_at] = value
        new._owner = new._tail_owner = owner
        return new

    def _put(self, at: int, value: V, holes: int) -> PMap[K, V]:
        new: PMap[K, V] = _new(PMap)
        new._index = self._index
        new.reach = self.reach
        new._holes = holes
        new._claim = self._claim
        new._owner = new._tail_owner = None
        tail_at = new._tail_at = self._tail_at
        if at < tail_at:
            new._tail = self._tail
            lists = new._lists = self._lists.copy()
            changed = lists[at >> BITS] = lists[at >> BITS].copy()
            changed[at & _MASK] = value
        else:
            new._lists = self._lists
            changed = new._tail = self._tail.copy()
            changed[at - tail_at] = value
        return new

    def remove(self, key: K) -> PMap[K, V]:
        """Without the key. Raises KeyError if it is not there."""
        if key not in self:
            raise KeyError(key)
        holes = self._holes + 1
        if holes > WIDTH and holes * 2 > self.reach:
            return PMap({kept: kept_value for kept, kept_value in self.items() if kept != key})
        return self._put(self._index[key], _HOLE, holes)

    def discard(self, key: K) -> PMap[K, V]:
        """Without the key, if it is there."""
        return self.remove(key) if key in self else self

    def update(self, items: Mapping[K, V]) -> PMap[K, V]:
        """With all of these."""
        if len(items) * 4 > self.reach:  # then one by one would cost more than all anew
            return PMap({**dict(self.items()), **items})
        new = self
        for key, value in items.items():
            new = new.insert(key, value)
        return new
