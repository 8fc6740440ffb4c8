"""Cards: small tasks or notes on boards."""

from __future__ import annotations

from typing import Annotated, Any

from agor_reactive.models.base import ArchivedRow, Json, MadeRow

__all__ = ["Card", "CardType"]


class CardType(MadeRow):
    """A type of card; `json_schema` is the schema of its cards' `data`."""

    card_type_id: str
    name: str = ""
    emoji: str | None = None
    color: str | None = None
    json_schema: Annotated[Any, Json] = None


class Card(ArchivedRow):
    """One card, with its type. The `effective_…` fields are its own or its type's."""

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
