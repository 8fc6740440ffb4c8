"""Listening sockets on loopback, for what this package serves: the embedded daemon, the web view."""

from __future__ import annotations

import os
import socket

__all__ = ["listen"]


def listen(port: int) -> socket.socket:
    """Open a listening socket on loopback; port 0 lets the system choose. Raises OSError when the port is taken."""
    # The protocol is named because asyncio sends small frames at once (TCP_NODELAY) only on sockets that name it, and
    # accepted ones inherit it. Without it an ack waits 40 ms for the other side's delayed acknowledgement.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        # Lets a restarted server reuse its port at once. On Windows it would let two servers share the port.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
