"""What our work is measured beside: the decode that python-socketio's client makes of every frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import engineio.packet
import socketio.packet

__all__ = ["decode", "decode_all"]


def decode(frame: str) -> Any:
    """A websocket frame to its event, as `socketio.AsyncClient` does it: an Engine.IO packet, then a Socket.IO one."""
    outer = engineio.packet.Packet(encoded_packet=frame)
    return socketio.packet.Packet(encoded_packet=outer.data).data


def decode_all(frames: Sequence[str]) -> None:
    """Decode them one by one, keeping nothing."""
    for frame in frames:
        decode(frame)
