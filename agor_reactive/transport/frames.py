"""Frames at the edge of python-socketio: its packets with our JSON, and a fast lane for plain events.

Plain event frames (``42[``…) are most of the traffic. `EventLane` reads them directly from the websocket and passes
every other frame on: protocol, pings, acks and upgrades stay python-socketio's. Both seams are public: a packet class
(`serializer=`) and an `aiohttp.ClientSession` (`http_session=`) with its `ws_response_class`.

A frame that cannot be read never ends the connection. An event becomes an `UNREADABLE` event, so that mirrors of its
session resync; an ack fails its call.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import aiohttp
import orjson
from socketio.packet import ACK, EVENT, Packet

from agor_reactive.models.wire import UNREADABLE, CutText, EventRun
from agor_reactive.transport.codec import DEFAULT_MAX_PAYLOAD, Unreadable, dumps, loads

__all__ = ["EventLane", "WirePacket", "event_lane"]

_SESSION_ID: Final = re.compile(r'"session_?[iI]d"\s*:\s*"([^"\\]{1,64})"')
_MOST_SESSIONS: Final = 100

log = logging.getLogger(__name__)

OnEvents = Callable[[EventRun], None]

# Yield to the event loop after this many events in a row.
_BURST: Final = 256


class _Json:
    """The standard library's `json` interface that python-socketio expects, over orjson."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        return loads(text)


class WirePacket(Packet):  # type: ignore[misc]  # python-socketio has no types
    """A Socket.IO packet that decodes with orjson and never raises.

    A subclass, because python-socketio's own `json=` option changes every client and server of the process.
    """

    json = _Json
    data: Any

    def decode(self, encoded_packet: Any) -> Any:
        try:
            attachments = super().decode(encoded_packet)
        except Exception:  # noqa: BLE001 - whatever is wrong with a frame of theirs must not end the task that reads it
            return self._unreadable(encoded_packet)
        if self.packet_type == EVENT:
            if not _is_event(self.data):
                return self._unreadable(encoded_packet)
            if isinstance(encoded_packet, str) and encoded_packet.startswith("2["):
                self.data = _with_cut_chunk(self.data, encoded_packet[1:])
        if self.packet_type == ACK and not isinstance(self.data, list):
            return self._unreadable(encoded_packet)
        if not 0 <= self.packet_type <= 6:
            return self._drop()
        return attachments

    def _unreadable(self, frame: Any) -> int:
        if self.packet_type == EVENT and isinstance(frame, str):
            self.id, self.namespace = None, None
            self.data = [UNREADABLE, named_sessions(frame)]
            return 0
        if self.packet_type == ACK and isinstance(self.id, int):
            self.data = [Unreadable]
            return 0
        return self._drop()

    def _drop(self) -> int:
        # python-socketio ignores an ack without a waiting call.
        self.packet_type, self.id, self.namespace = ACK, None, None
        self.data = []
        log.warning("a frame that cannot be read was dropped")
        return 0


def named_sessions(frame: str) -> dict[str, list[str]]:
    """The sessions named in a frame that cannot be read. It may concern none of them."""
    found = dict.fromkeys(match.group(1) for match in _SESSION_ID.finditer(frame))
    return {"session_ids": list(found)[:_MOST_SESSIONS]}


def _is_event(data: Any) -> bool:
    return isinstance(data, list) and bool(data) and isinstance(data[0], str)


class EventLane(aiohttp.ClientWebSocketResponse):
    """A websocket whose `receive` hands plain events to `deliver` itself and returns everything else.

    Events that are in the websocket's buffer together are delivered together: when the next `receive` waits, after
    `_BURST` of them, and before any other frame is passed on.

    The order of frames is kept: python-socketio's task handles a passed-on frame before the next event is read (before
    Python 3.12, `asyncio.wait_for` around `receive` ensures that).
    """

    deliver: OnEvents
    max_payload = DEFAULT_MAX_PAYLOAD
    on_max_payload: Callable[[int], None]
    on_oversize: Callable[[], None]
    _let_through = False

    def __init__(self, *made: Any, **how: Any) -> None:
        super().__init__(*made, **how)
        # aiohttp drops its reference when closing begins, before the transport is closed.
        connection = self._response.connection
        self.transport = None if connection is None else connection.transport
        self._events: list[Sequence[Any]] = []

    async def receive(self, timeout: float | None = None) -> aiohttp.WSMessage:
        if self._let_through:
            self._let_through = False
            await asyncio.sleep(0)
        receive, decode, text = super().receive, orjson.loads, aiohttp.WSMsgType.TEXT
        try:
            while True:
                message = await receive(timeout)
                frame = message.data
                if message.type is not text or not frame.startswith("42["):
                    self._pass_on(message)
                    return message
                try:
                    event = decode(frame[2:])
                except ValueError:
                    event = _second_look(frame)
                if not _is_event(event):
                    event = (UNREADABLE, named_sessions(frame))
                elif len(event) != 2:
                    event = (event[0], event[1] if len(event) > 1 else None)
                events = self._events
                if not events:
                    asyncio.get_running_loop().call_soon(self._flush)  # runs as soon as `receive` has to wait
                events.append(event)
                if len(events) >= _BURST:
                    self._flush()
                    await asyncio.sleep(0)
        finally:
            self._flush()

    def _flush(self) -> None:
        """Deliver the events read so far."""
        events = self._events
        if events:
            self._events = []
            self.deliver(events)

    def _pass_on(self, message: aiohttp.WSMessage) -> None:
        """Read what concerns the connection from a frame that python-socketio gets next."""
        self._let_through = True
        if message.type is aiohttp.WSMsgType.TEXT and message.data.startswith("0{"):
            self._read_open(message.data)
        elif message.type is aiohttp.WSMsgType.ERROR and self.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
            self.on_oversize()

    def _read_open(self, frame: str) -> None:
        """Read the opening packet, the only one with the daemon's maximum payload."""
        try:
            size = orjson.loads(frame[1:]).get("maxPayload")
        except (ValueError, AttributeError):
            return  # python-socketio reports the error
        if isinstance(size, int) and size > 0:
            self.on_max_payload(size)


def _second_look(frame: str) -> Any:
    """Decode a frame again with lone surrogates allowed; None for what still cannot be read."""
    try:
        data = loads(frame[2:])
    except ValueError:
        return None
    return _with_cut_chunk(data, frame[2:])


def _with_cut_chunk(data: Any, text: str) -> Any:
    """Keep the lone surrogates of a chunk event, because the next chunk may complete them."""
    payload = data[1] if _is_event(data) and data[0].endswith(":chunk") and len(data) > 1 else None
    if not isinstance(payload, dict):
        return data
    chunk = payload.get("chunk")
    if isinstance(chunk, str) and "\ufffd" in (chunk[:1], chunk[-1:]):
        raw = json.loads(text)[1]["chunk"]  # the standard library's decoder keeps lone surrogates
        payload["chunk"] = CutText(chunk, raw)
    return data


def event_lane(
    deliver: OnEvents, on_max_payload: Callable[[int], None], on_oversize: Callable[[], None]
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
