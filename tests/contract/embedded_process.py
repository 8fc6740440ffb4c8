"""The embedded daemon in a separate process, so that one of each version serves a whole test session.

It uses the protocol of the FeathersJS peer's process: one JSON line when it listens, JSON orders on stdin, exit when
stdin ends. Secrets come in the environment, because arguments are visible to others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from typing import Any

from agor_reactive.daemon.server import EmbeddedDaemon

KEY, PASSWORD = "AGOR_CONTRACT_EMBEDDED_KEY", "AGOR_CONTRACT_EMBEDDED_PASSWORD"
QUICK = 20.0  # the speed of the scripted agent, relative to a real one


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


async def obey(daemon: EmbeddedDaemon) -> bool:
    """Run the orders from stdin until it ends; returns whether to stop gracefully."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)["do"]
        answer: dict[str, Any] = {"done": order}
        if order == "kick":
            await daemon.kick_all()
        elif order == "cut":
            await daemon.cut_all()
        elif order == "revoke":
            await daemon.revoke_tokens()
        elif order == "logins":
            answer["count"] = daemon.logins
        elif order in ("stop", "drop"):
            say(answer)
            return bool(order == "stop")
        else:
            answer = {"refused": order}
        say(answer)
    return True


async def serve(flags: argparse.Namespace) -> None:
    daemon = EmbeddedDaemon(
        port=flags.port,
        db=flags.state,
        api_version=flags.api_version,
        speed=flags.speed,
        seed=flags.seed,
        access_token_life=flags.token_life,
        page_limit=flags.page_limit,
        api_key=os.environ[KEY],
        password=os.environ[PASSWORD],
        login_limit=10_000,
    )
    await daemon.start()
    say(
        {
            "url": daemon.url,
            "api_key": os.environ[KEY],
            "email": daemon.email,
            "password": os.environ[PASSWORD],
            "workspace_id": daemon.workspace_id,
            **({"service_token": daemon.service_token} if daemon.service_token else {}),
        }
    )
    await daemon.stop(graceful=await obey(daemon))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--api-version", default="handshake", choices=("worktrees", "branches", "handshake"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", default=None)
    parser.add_argument("--token-life", type=float, default=900.0)
    parser.add_argument("--page-limit", type=int, default=1_000)
    parser.add_argument("--speed", type=float, default=QUICK)
    parser.add_argument("--seed", type=int, default=0)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
