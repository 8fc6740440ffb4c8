"""A web view in a process of its own, for `benchmarks.cases.web`: writes its address, then its CPU time per line."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import agor_reactive as agor
from agor_reactive.web import viewer
from agor_reactive.web.serving import serve


def _say(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def main() -> None:
    async with (
        agor.create_client(agor.daemon_url(), api_key=agor.get_api_key_from_env()) as client,
        serve(viewer(client, authorize=lambda scope: True)) as url,
    ):
        _say(url=url)
        while await asyncio.to_thread(sys.stdin.readline):
            _say(cpu=time.process_time())


if __name__ == "__main__":
    asyncio.run(main())
