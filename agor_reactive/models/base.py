"""What every row of the wire has in common: frozen all the way down, tolerant of what it does not know.

Knows pydantic and nothing of transports or sessions. A row is validated once: what is fetched when it arrives, what an
event brings when somebody looks at it (`core.entries`). Fields it does not know are kept (`model_extra`), enum values
it does not know stay as they came, and a field of a wrong type does not cost the row: it is set aside in `invalid`, and
the row keeps its other fields. `to_wire()` gives back what came, all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import UnionType
from typing import Annotated, Any, ClassVar, NoReturn, Self, TypeVar, Union, cast, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from agor_reactive.models.secrecy import REDACTED, is_secret, scrub_text

__all__ = [
    "CamelModel",
    "FrozenDict",
    "FrozenMap",
    "Json",
    "JsonValue",
    "WireModel",
    "copied",
    "freeze",
    "instant",
    "row_from_wire",
    "thaw",
]

JsonValue = TypeAliasType("JsonValue", "str | int | float | bool | tuple[JsonValue, ...] | FrozenDict | None")
"""A JSON value as we keep it: arrays are tuples, objects are `FrozenDict`."""


class FrozenDict(dict[str, Any]):
    """A dict that refuses to change. Encodes, compares, copies and pickles as a dict does.

    Its repr leaves out what sounds like a secret; reading and encoding do not.
    """

    __slots__ = ()

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError("this mapping is part of an immutable row; make a dict of it to change a copy")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = _refuse
    __ior__ = _refuse

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{key!r}: {_shown(key, item)}" for key, item in self.items()) + "}"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Any]]]:
        return (type(self), (dict(self),))

    def copy(self) -> dict[str, Any]:
        """A plain dict with the same items, free to change."""
        return dict(self)


def _shown(key: Any, item: Any) -> str:
    return REDACTED if isinstance(item, str) and isinstance(key, str) and is_secret(key) else scrub_text(repr(item))


DEEPEST = 200
"""Levels of lists and objects inside each other that are kept. No daemon means more; it would break who walks it."""

TOO_DEEP = "[nested too deeply]"


def freeze(value: Any, _left: int = DEEPEST) -> Any:
    """The same JSON value, immutable all the way down. What is frozen already is returned as it is.

    What lies deeper than `DEEPEST` levels is replaced by the text `TOO_DEEP`.
    """
    # Scalars inside are told apart here, not in a call of their own: most are, and this runs for every row.
    kind = type(value)
    if kind is dict:
        if not _left:
            return TOO_DEEP
        left = _left - 1
        return FrozenDict(
            {
                key: freeze(item, left) if type(item) is dict or type(item) is list else item
                for key, item in value.items()
            }
        )
    if kind is list:
        if not _left:
            return TOO_DEEP
        left = _left - 1
        return tuple([freeze(item, left) if type(item) is dict or type(item) is list else item for item in value])
    return value


def thaw(value: Any) -> Any:
    """A mutable deep copy: tuples become lists, `FrozenDict` becomes dict, rows what they are on the wire."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, WireModel):
        return value.to_wire()
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(item) for item in value]
    return value


def copied(value: Any) -> Any:
    """A deep copy of a JSON value, free to change; cut as `freeze` cuts."""
    return thaw(freeze(value))


Json = BeforeValidator(freeze)
"""Marks a field that holds any JSON, kept frozen: ``Annotated[Any, Json]``."""

V = TypeVar("V")

FrozenMap = Annotated[Mapping[str, V], AfterValidator(FrozenDict)]
"""A field that maps names to values of one kind, kept frozen: ``FrozenMap[str]``."""

_NOTHING = FrozenDict()


class WireModel(BaseModel):
    """A row as the daemon sends it. Frozen, unknown fields kept, compared by value.

    `id_field` names the field that identifies the row. `invalid` holds the fields that did not fit their type, as they
    came; those fields then have their default.
    """

    model_config = ConfigDict(
        frozen=True,
        # Built when the first row comes: importing the package does not wait for models nobody reads.
        defer_build=True,
        extra="allow",
        populate_by_name=True,
        serialize_by_alias=True,
        protected_namespaces=(),
        arbitrary_types_allowed=True,
        revalidate_instances="never",
    )

    # Unknown fields are frozen as they are read: a hook after each row (and each part of it) costs a fifth of reading.
    __pydantic_extra__: dict[str, Annotated[Any, Json]]

    id_field: ClassVar[str] = ""

    @property
    def model_extra(self) -> FrozenDict:
        """The fields that this model does not know, as they came."""
        return FrozenDict(self.__pydantic_extra__ or {})

    def __eq__(self, other: object) -> bool:
        # Pydantic's own asks much that is never so here; rows are compared for every row event.
        if type(self) is not type(other):
            return NotImplemented
        return self.__dict__ == other.__dict__ and self.__pydantic_extra__ == other.__pydantic_extra__

    @property
    def row_id(self) -> str:
        """The value of the identifying field, ``""`` when the row has none."""
        return cast(str, getattr(self, self.id_field, "")) if self.id_field else ""

    @property
    def invalid(self) -> Mapping[str, Any]:
        """Fields that came with a type this model does not know, verbatim, by their name on the wire."""
        return cast(Mapping[str, Any], self.__dict__.get("_invalid", _NOTHING))

    @classmethod
    def part_of(cls, value: Any) -> Self | None:
        """Read a part of a row that was kept as JSON; None when it is no object or lacks what identifies it."""
        if not isinstance(value, dict) or (cls.id_field and not isinstance(value.get(cls.id_field), str)):
            return None
        return row_from_wire(cls, value)

    def to_wire(self) -> dict[str, Any]:
        """The row as JSON-ready data, only what was sent, unknown and misfit fields included. Free to change."""
        held, given = self.__dict__, self.model_fields_set
        sent = {
            field.alias or name: thaw(held[name]) for name, field in type(self).model_fields.items() if name in given
        }
        for more in (self.__pydantic_extra__, self.invalid):
            if more:
                sent.update(thaw(more))
        return sent

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Only what identifies the row: prompts, replies and tokens stay out of logs and tracebacks."""
        for name in (self.id_field, "name", "status", "type"):
            value = self.__dict__.get(name) if name else None
            if isinstance(value, str) and value:
                yield name, value

    def __getitem__(self, key: str) -> Any:
        """Read a field by its name on the wire: ``task["zork"]`` for what no model knows. Raises KeyError."""
        if key in self.model_fields_set or key in type(self).model_fields:
            return getattr(self, key)
        extra = self.__pydantic_extra__ or _NOTHING
        if key in extra:
            return extra[key]
        for name, field in type(self).model_fields.items():
            if field.alias == key:
                return getattr(self, name)
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Like `self[key]`, or `default`."""
        try:
            return self[key]
        except KeyError:
            return default


class CamelModel(WireModel):
    """A part of a row whose fields the wire writes in camelCase; here they are snake_case like all others."""

    model_config = ConfigDict(alias_generator=to_camel)


Row = TypeVar("Row", bound=WireModel)


def row_from_wire(model: type[Row], payload: Any) -> Row:
    """Read one row. Raises `ValueError` only if `payload` is not a JSON object; anything less is kept as it came.

    Pydantic's own error never leaves here.
    """
    try:
        row: Row = model.__pydantic_validator__.validate_python(payload)
    except ValidationError as failure:
        if isinstance(payload, dict):
            return _keep_what_fits(model, payload, failure)
    else:
        return row
    raise ValueError(f"a {model.__name__} is a JSON object, not {type(payload).__name__}")


def _keep_what_fits(model: type[Row], payload: Mapping[str, Any], failure: ValidationError) -> Row:
    """Set the fields that do not fit aside, and read the rest. Parts that are models keep what fits of them, too."""
    bad = {str(error["loc"][0]) for error in failure.errors(include_url=False) if error["loc"]}
    good = {key: value for key, value in payload.items() if key not in bad}
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key in bad and (part := _read_part(field.annotation, payload.get(key))) is not None:
            bad.discard(key)
            good[key] = part
    aside = {key: payload[key] for key in bad if key in payload}
    blank: set[str] = set()
    for name, field in model.model_fields.items():
        if field.is_required() and name not in good and (field.alias or name) not in good:
            good[field.alias or name] = _blank(field)
            blank.add(name)
    row: Row
    try:
        row = model.model_validate(good)
    except ValidationError:  # two faults of one field: keep everything aside but the blanks
        blanks = {n: _blank(f) for n, f in model.model_fields.items() if f.is_required()}
        row = cast(Row, model.model_construct(**blanks))
        aside = dict(payload)
        blank = set(blanks)
    # A blank was never sent, so it does not go back to the wire either.
    row.__pydantic_fields_set__.difference_update(blank)
    if aside:
        row.__dict__["_invalid"] = freeze(aside)
    return row


def _read_part(annotation: Any, value: Any) -> Any:
    """The value of a field that did not fit as a whole, each model in it read by itself; None when it has none."""
    for option in _options(annotation):
        if _is_model(option):
            if isinstance(value, dict):
                return row_from_wire(option, value)
            continue
        model = next((kind for kind in get_args(option) if _is_model(kind)), None)
        if model is None:
            continue
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return tuple(row_from_wire(model, item) for item in value)
        if isinstance(value, dict) and all(isinstance(item, dict) for item in value.values()):
            return {key: row_from_wire(model, item) for key, item in value.items()}
    return None


def _options(annotation: Any) -> Iterator[Any]:
    """What a field's type allows: the members of a union, without what pydantic was told beside the type."""
    for member in get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,):
        yield get_args(member)[0] if hasattr(member, "__metadata__") else member


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, WireModel)


def _blank(field: FieldInfo) -> Any:
    """A neutral value for a required field that is missing."""
    blanks: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False}
    return blanks.get(field.annotation)


def instant(stamp: Any) -> float | None:
    """Epoch seconds of a timestamp: ISO 8601 text (any offset, ``Z``; without one it is UTC) or epoch milliseconds.

    None when it cannot be read. Facts of the wire: rows carry ISO text, ``/health`` epoch milliseconds.
    """
    if isinstance(stamp, str):
        try:
            moment = datetime.fromisoformat(stamp)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    if isinstance(stamp, int | float) and not isinstance(stamp, bool):
        seconds = float(stamp) / 1000.0
        return seconds if seconds == seconds and abs(seconds) < 1e12 else None
    return None


def iter_blocks(content: Any) -> Iterator[FrozenDict]:
    """The content blocks of a message, whatever its content is: text is one block, what is no block is passed over."""
    if isinstance(content, str):
        if content:
            yield FrozenDict(type="text", text=content)
    elif isinstance(content, tuple):
        for block in content:
            if isinstance(block, FrozenDict):
                yield block
            elif isinstance(block, str):
                yield FrozenDict(type="text", text=block)
    elif isinstance(content, FrozenDict):
        yield content
