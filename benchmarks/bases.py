"""The base of the ratios: how python-socketio's client decodes a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import engineio.packet
import socketio.packet

__all__ = ["decode", "decode_all"]


def decode(frame: str) -> Any:
    """Decode a websocket frame as `socketio.AsyncClient` does: an Engine.IO packet, then a Socket.IO packet."""
    outer = engineio.packet.Packet(encoded_packet=frame)
    return socketio.packet.Packet(encoded_packet=outer.data).data


def decode_all(frames: Sequence[str]) -> None:
    """Decode frames one by one, and discard the results."""
    for frame in frames:
        decode(frame)
