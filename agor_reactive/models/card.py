"""Cards: small tasks or notes on boards."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from agor_reactive.models.base import Json, WireModel

__all__ = ["Card", "CardType"]


class CardType(WireModel):
    """A type of card; `json_schema` is the schema of its cards' `data`."""

    id_field: ClassVar[str] = "card_type_id"

    card_type_id: str
    name: str = ""
    emoji: str | None = None
    color: str | None = None
    json_schema: Annotated[Any, Json] = None
    created_by: str | None = None
    created_at: str = ""
    updated_at: str | None = None


class Card(WireModel):
    """One card, with its type. The `effective_…` fields are its own or its type's."""

    id_field: ClassVar[str] = "card_id"

    card_id: str
    board_id: str = ""
    title: str = ""
    description: str | None = None
    note: str | None = None
    url: str | None = None
    data: Annotated[Any, Json] = None
    card_type_id: str | None = None
    card_type: CardType | None = None
    color_override: str | None = None
    emoji_override: str | None = None
    effective_color: str | None = None
    effective_emoji: str | None = None
    created_by: str | None = None
    created_at: str = ""
    updated_at: str | None = None
    archived: bool | None = None
    archived_at: str | None = None
