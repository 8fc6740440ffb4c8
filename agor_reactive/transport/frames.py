"""Frames at the edge of python-socketio: its packets with our JSON, and a fast lane for plain events.

Plain event frames (``42[``…) are most of the traffic. `EventLane` takes them straight from the websocket and lets every
other frame through: protocol, pings, acks and upgrades stay python-socketio's. Both seams are public: a packet class
(`serializer=`) and an `aiohttp.ClientSession` (`http_session=`) with its `ws_response_class`.

A frame that cannot be read is dropped and counted; it never ends the connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import orjson
from socketio.packet import ACK, EVENT, Packet

from agor_reactive.transport.codec import DEFAULT_MAX_PAYLOAD, dumps

__all__ = ["EventLane", "WirePacket", "event_lane"]

log = logging.getLogger(__name__)

OnFrame = Callable[[str, Any], None]

# After this many events in a row the loop gets its turn, however fast they come.
_BURST: Final = 256


class _Json:
    """The interface of the standard library's `json` that python-socketio asks for, over orjson."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        return orjson.loads(text)


class WirePacket(Packet):  # type: ignore[misc]  # python-socketio has no types
    """A Socket.IO packet that decodes with orjson and never raises.

    A subclass, because python-socketio's own `json=` option changes every client and server of the process.
    """

    json = _Json

    def decode(self, encoded_packet: Any) -> Any:
        try:
            attachments = super().decode(encoded_packet)
        except Exception:  # noqa: BLE001 - whatever is wrong with a frame of theirs must not end the task that reads it
            return self._drop()
        if self.packet_type == EVENT and not _is_event(self.data):
            return self._drop()
        if self.packet_type == ACK and not isinstance(self.data, list):
            return self._drop()
        if not 0 <= self.packet_type <= 6:
            return self._drop()
        return attachments

    def _drop(self) -> int:
        # An ack nobody waits for is what python-socketio ignores.
        self.packet_type, self.id, self.namespace = ACK, None, None
        self.data: Any = []
        log.warning("a frame that cannot be read was dropped")
        return 0


def _is_event(data: Any) -> bool:
    return isinstance(data, list) and bool(data) and isinstance(data[0], str)


class EventLane(aiohttp.ClientWebSocketResponse):
    """A websocket whose `receive` hands plain events to `deliver` itself and returns everything else.

    Order holds between the two ways: a frame that was let through is handled, in a task of python-socketio's, before
    the next event is taken (before Python 3.12, `asyncio.wait_for` around `receive` sees to that by itself).
    """

    deliver: OnFrame
    max_payload = DEFAULT_MAX_PAYLOAD
    on_max_payload: Callable[[int], None]
    on_oversize: Callable[[], None]
    _let_through = False

    def __init__(self, *made: Any, **how: Any) -> None:
        super().__init__(*made, **how)
        # aiohttp forgets it once it has begun to close it, which is not when it is closed.
        connection = self._response.connection
        self.transport = None if connection is None else connection.transport

    async def receive(self, timeout: float | None = None) -> aiohttp.WSMessage:
        if self._let_through:
            self._let_through = False
            await asyncio.sleep(0)
        receive, deliver, loads, text = super().receive, self.deliver, orjson.loads, aiohttp.WSMsgType.TEXT
        burst = 0
        while True:
            message = await receive(timeout)
            frame = message.data
            if message.type is not text or not frame.startswith("42["):
                self._let_through = True
                if message.type is text and frame.startswith("0{"):
                    self._read_open(frame)
                elif message.type is aiohttp.WSMsgType.ERROR and self.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
                    self.on_oversize()
                return message
            try:
                data = loads(frame[2:])
            except ValueError:
                data = None
            if _is_event(data):
                deliver(data[0], data[1] if len(data) > 1 else None)
            else:
                log.warning("an event that cannot be read was dropped")
            burst += 1
            if burst >= _BURST:
                burst = 0
                await asyncio.sleep(0)

    def _read_open(self, frame: str) -> None:
        """The opening packet alone tells how much the daemon takes."""
        try:
            size = orjson.loads(frame[1:]).get("maxPayload")
        except (ValueError, AttributeError):
            return  # python-socketio reports what is wrong with it
        if isinstance(size, int) and size > 0:
            self.on_max_payload(size)


def event_lane(
    deliver: OnFrame, on_max_payload: Callable[[int], None], on_oversize: Callable[[], None]
) -> type[EventLane]:
    """An `EventLane` class for one connection: aiohttp makes the instance."""
    return type(
        "ConnectionLane",
        (EventLane,),
        {
            "deliver": staticmethod(deliver),
            "on_max_payload": staticmethod(on_max_payload),
            "on_oversize": staticmethod(on_oversize),
        },
    )
