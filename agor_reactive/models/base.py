"""The base of all row models: deeply frozen, and tolerant of unknown fields and values.

Knows pydantic and nothing of transports or sessions. A row is validated once: a fetched row on arrival, a row of an
event on first access (`core.entries`). Unknown fields are kept (`model_extra`), and so are unknown enum values. A field
of a wrong type is moved to `invalid`, and the row keeps its other fields. `to_wire()` returns the complete original
payload.
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
    "ArchivedRow",
    "CamelModel",
    "FrozenDict",
    "FrozenMap",
    "Json",
    "JsonValue",
    "MadeRow",
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

    Its repr omits values with secret-sounding names; reading and encoding do not.
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

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (dict(self),))

    def copy(self) -> dict[str, Any]:
        """Make a plain, mutable dict with the same items."""
        return dict(self)


def _shown(key: Any, item: Any) -> str:
    return REDACTED if isinstance(item, str) and isinstance(key, str) and is_secret(key) else scrub_text(repr(item))


DEEPEST = 200
"""Levels of lists and objects inside each other that are kept. No daemon means more; it would break who walks it."""

TOO_DEEP = "[nested too deeply]"


def freeze(value: Any, _left: int = DEEPEST) -> Any:
    """Freeze a JSON value deeply. A frozen value is returned unchanged.

    Values deeper than `DEEPEST` levels are replaced by the text `TOO_DEEP`.
    """
    # Scalars are handled here without another call: most values are scalars, and this runs for every row.
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
    """Make a mutable deep copy: tuples become lists, `FrozenDict` becomes dict, rows become their wire form."""
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
    """Make a mutable deep copy of a JSON value, cut at the same depth as by `freeze`."""
    return thaw(freeze(value))


Json = BeforeValidator(freeze)
"""Marks a field that holds any JSON, kept frozen: ``Annotated[Any, Json]``."""

V = TypeVar("V")

FrozenMap = Annotated[Mapping[str, V], AfterValidator(FrozenDict)]
"""A field that maps names to values of one kind, kept frozen: ``FrozenMap[str]``."""

_NOTHING = FrozenDict()


class WireModel(BaseModel):
    """A row as the daemon sends it: frozen, with unknown fields kept, compared by value.

    The one required field of a row identifies it: `id_field` is its name, ``""`` where there is none. `invalid` holds
    the original values of fields with a wrong type; those fields have their default.
    """

    model_config = ConfigDict(
        frozen=True,
        # Built for the first row, so that the import does not wait for unused models.
        defer_build=True,
        extra="allow",
        populate_by_name=True,
        serialize_by_alias=True,
        protected_namespaces=(),
        arbitrary_types_allowed=True,
        revalidate_instances="never",
    )

    # Unknown fields are frozen during validation: a hook after each row (and each part) costs a fifth of the time.
    __pydantic_extra__: dict[str, Annotated[Any, Json]]

    id_field: ClassVar[str] = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        cls.id_field = next((name for name, field in cls.model_fields.items() if field.is_required()), cls.id_field)

    @property
    def model_extra(self) -> FrozenDict:
        """The unknown fields, as they came."""
        return FrozenDict(self.__pydantic_extra__ or {})

    @property
    def row_id(self) -> str:
        """The value of the identifying field, ``""`` when the row has none."""
        return cast(str, getattr(self, self.id_field, "")) if self.id_field else ""

    @property
    def invalid(self) -> Mapping[str, Any]:
        """The fields with an unexpected type, verbatim, by their wire name."""
        return cast(Mapping[str, Any], getattr(self, "__pydantic_private__", None) or _NOTHING)

    @classmethod
    def part_of(cls, value: Any) -> Self | None:
        """Read a part of a row that was kept as JSON; None when it is no object or lacks its id."""
        if not isinstance(value, dict) or (cls.id_field and not isinstance(value.get(cls.id_field), str)):
            return None
        return row_from_wire(cls, value)

    def to_wire(self) -> dict[str, Any]:
        """Convert the row to mutable JSON data: the fields that were sent, including unknown and invalid ones."""
        held, given = self.__dict__, self.model_fields_set
        sent = {
            field.alias or name: thaw(held[name]) for name, field in type(self).model_fields.items() if name in given
        }
        for more in (self.__pydantic_extra__, self.invalid):
            if more:
                sent.update(thaw(more))
        return sent

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show only the identifying fields: prompts, replies and tokens stay out of logs and tracebacks."""
        for name in (self.id_field, "name", "status", "type"):
            value = self.__dict__.get(name) if name else None
            if isinstance(value, str) and value:
                yield name, value

    def __getitem__(self, key: str) -> Any:
        """Read a field by its wire name, also an unknown one: ``task["zork"]``. Raises KeyError."""
        if key in type(self).model_fields:
            return getattr(self, key)
        # Before any attribute: a row may have a field that is named like a method (``copy``, ``json``).
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
    """A part of a row with camelCase fields on the wire; here they are snake_case like all others."""

    model_config = ConfigDict(alias_generator=to_camel)


class MadeRow(WireModel):
    """A row that tells who made it and when, and when it was changed."""

    created_by: str | None = None
    created_at: str = ""
    updated_at: str | None = None


class ArchivedRow(MadeRow):
    """A row that can be archived."""

    archived: bool | None = None
    archived_at: str | None = None


Row = TypeVar("Row", bound=WireModel)


def row_from_wire(model: type[Row], payload: Any) -> Row:
    """Read one row. Raises `ValueError` only if `payload` is not a JSON object; invalid fields are kept as they came.

    Pydantic's own error never leaves this module.
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
    """Move invalid fields aside and read the rest. Parts that are models keep their valid fields, too."""
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
    except ValidationError:  # two errors of one field: move everything aside except the blanks
        blanks = {n: _blank(f) for n, f in model.model_fields.items() if f.is_required()}
        row = cast(Row, model.model_construct(**blanks))
        aside = dict(payload)
        blank = set(blanks)
    # A blank was not sent, so `to_wire` omits it, too.
    row.__pydantic_fields_set__.difference_update(blank)
    if aside:
        # Where pydantic keeps private attributes: it compares, copies and pickles them with the row.
        object.__setattr__(row, "__pydantic_private__", freeze(aside))
    return row


def _read_part(annotation: Any, value: Any) -> Any:
    """Read a field that is invalid as a whole, each model in it separately; None when it has no model."""
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
    """The alternatives of a field's type: the members of a union, without pydantic's annotations."""
    for member in get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,):
        yield get_args(member)[0] if hasattr(member, "__metadata__") else member


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, WireModel)


def _blank(field: FieldInfo) -> Any:
    """A neutral value for a required field that is missing."""
    blanks: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False}
    return blanks.get(field.annotation)


def instant(stamp: Any) -> float | None:
    """Convert a timestamp to epoch seconds: ISO 8601 text (any offset or ``Z``, default UTC) or epoch milliseconds.

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
    """Iterate over the content blocks of a message: text is one block, other values are skipped."""
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
