"""A minimal, fast Socket.IO server, run in a separate process.

It implements the handshakes of Engine.IO 4 and Socket.IO 5 and answers calls with empty results, so that any client can
connect and a mirror can load its session. ``["blast", n]`` makes it send n chunks of one message, as fast as the client
accepts them. The frames are prepared, so that only the receiver is measured. It prints its port, and ends when its
standard input closes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from typing import Any

from aiohttp import WSMsgType, web

from benchmarks.workloads import frames, one_message

__all__ = ["main"]

_OPEN = '0{"sid":"engine","upgrades":[],"pingInterval":25000,"pingTimeout":60000,"maxPayload":1000000}'


def _websocket_frame(text: str) -> bytes:
    data = text.encode()
    if len(data) < 126:
        return bytes((0x81, len(data))) + data
    if len(data) < 65_536:
        return bytes((0x81, 126)) + len(data).to_bytes(2, "big") + data
    return bytes((0x81, 127)) + len(data).to_bytes(8, "big") + data


class Blaster:
    """A message of `chunks` chunks and its end, with a new message id for each blast."""

    def __init__(self, chunks: int) -> None:
        load = one_message(chunks)
        self.session_id = load.session_id
        self._message_id = load.events[0][1]["message_id"]
        prepared = frames(load.events)
        end = {**load.events[0][1], "sequence": chunks}
        del end["role"], end["timestamp"]
        prepared += frames([("messages streaming:end", end)])
        self._bytes = b"".join(map(_websocket_frame, prepared))
        self._blasts = 0

    def next_blast(self) -> bytes:
        """The bytes of all websocket frames of the next blast.

        Made in a moment, because it is done while the client still waits for the rest of the last one.
        """
        self._blasts += 1
        fresh = f"{self._blasts:08x}{self._message_id[8:]}"
        return self._bytes.replace(self._message_id.encode(), fresh.encode())

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One client."""
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        assert request.transport is not None
        await socket.send_str(_OPEN)
        pings = asyncio.create_task(_ping(socket))
        ready = self.next_blast()
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                text = message.data
                if text.startswith("40"):
                    await socket.send_str('40{"sid":"socket"}')
                elif text == "1" or text == "41":
                    break
                elif text.startswith("42"):
                    ack, call = _call_of(text)
                    if ack:
                        await socket.send_str(f"43{ack}" + json.dumps([None, self._answer(call)]))
                    if call[0] == "blast":
                        request.transport.write(ready)
                        ready = self.next_blast()
        finally:
            pings.cancel()
        return socket

    def _answer(self, call: list[Any]) -> Any:
        if call[0] == "get":
            return {"session_id": self.session_id, "status": "running", "tasks": []}
        return {"total": 0, "data": []} if call[0] == "find" else {}


def _call_of(text: str) -> tuple[str, list[Any]]:
    start = text.index("[")
    call: list[Any] = json.loads(text[start:])
    return text[2:start], call


async def _ping(socket: web.WebSocketResponse) -> None:
    while True:
        await asyncio.sleep(25)
        await socket.send_str("2")


async def _serve(chunks: int) -> None:
    blaster = Blaster(chunks)
    app = web.Application()
    app.router.add_get("/socket.io/", blaster.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1], "session_id": blaster.session_id}), flush=True)
    over, loop = asyncio.Event(), asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(over.set)), daemon=True).start()
    await over.wait()
    await runner.cleanup()


def main() -> None:
    """Serve until standard input ends."""
    asyncio.run(_serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
