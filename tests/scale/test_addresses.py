"""Logs at an address, over HTTP on loopback: fetched whole, tried again, reported if they are not there."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agor_reactive import logs, scale
from agor_reactive.errors import MissingExtra, UsageError
from agor_reactive.logs import remote

registry = pytest.importorskip("fsspec.registry", reason='needs pip install "agor-reactive[dask]"')


class Handler(SimpleHTTPRequestHandler):
    """Files of a folder, without ranges. The first `failing` answers to a GET are 503."""

    gets: Counter[str]
    failing: int

    def do_GET(self) -> None:
        type(self).gets[self.path] += 1
        if type(self).gets[self.path] <= type(self).failing:
            self.send_error(503)
            return
        super().do_GET()

    def log_message(self, *args: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture
def served(five: list[Path]) -> Iterator[str]:
    Handler.gets, Handler.failing = Counter(), 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(five[0].parent)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_log_at_an_address_is_the_same_log(five: list[Path], served: str) -> None:
    there, here = logs.open(f"{served}/s0.jsonl.zst"), logs.open(five[0])
    assert there.fold().dump() == here.fold().dump()
    assert there.at(1_764_000_003.0).dump() == here.at(1_764_000_003.0).dump()
    assert there.paths == ()
    assert not there.damage


def test_files_at_addresses_are_folded_and_an_absent_one_is_reported(five: list[Path], served: str) -> None:
    addresses = [f"{served}/{path.name}" for path in five]
    made, damage = scale.fold_logs([*addresses, f"{served}/absent.zst"], "task").compute_with_damage()
    assert made.astype(str).equals(scale.fold_logs(five, "task").compute().astype(str))
    assert [one.path for one in damage] == [f"{served}/absent.zst"]
    assert Handler.gets["/s0.jsonl.zst"] == 2  # for the plan, and for the fold


def test_a_pattern_of_addresses_lists_the_folder(five: list[Path], served: str) -> None:
    assert len(scale.fold_logs(f"{served}/*.zst").plan.logs) == 5


def test_a_failure_that_passes_is_tried_again(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_DELAYS", (0.0, 0.0))
    Handler.failing = 2
    assert len(logs.open(f"{served}/s0.jsonl.zst").fold().tasks) == 2
    Handler.gets, Handler.failing = Counter(), 3
    with pytest.raises(UsageError, match="503"):
        logs.open(f"{served}/s0.jsonl.zst")


def test_a_protocol_without_its_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = {"class": "absent.FileSystem", "err": "Install absentfs to access it"}
    monkeypatch.setitem(registry.known_implementations, "absent", absent)
    with pytest.raises(MissingExtra, match=r"absent:// .*absentfs"):
        logs.open("absent://bucket/run.jsonl.zst")
