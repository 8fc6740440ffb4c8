"""One chaos run: a daemon, a faulty network, a live client with many handles and a driver; then the comparison."""

from __future__ import annotations

import asyncio
import contextlib
import math
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import agor_reactive as agor
from agor_reactive import logs
from agor_reactive.calls.backoff import Backoff
from agor_reactive.errors import AgorError, NotFound
from agor_reactive.logs import Recording
from agor_reactive.models import LinkStatus, RawEvent
from agor_reactive.session.entry import SessionEntry
from agor_reactive.transport.credentials import ApiKey
from agor_reactive.transport.socketio import SocketLink
from tests.chaos.comparison import compared, fresh_state, offline_difference, unfinished
from tests.chaos.driver import Driver
from tests.chaos.leaks import Process, client_counts, still_alive
from tests.chaos.problems import Problems
from tests.chaos.process import DaemonProcess, Settings
from tests.chaos.proxy import Proxy
from tests.chaos.report import Mirror, Report
from tests.chaos.schedule import FaultSchedule
from tests.chaos.turns import TurnCount, ended_tasks, turns_differ
from tests.chaos.users import Seat, Users, seats

__all__ = ["Options", "run_scenario"]

SESSIONS = 10
CALM = 60.0
"""Seconds that everything has to become quiet after the last fault."""


@dataclass(frozen=True, slots=True)
class Options:
    """`speed` is the pace of the daemon's agent, `token_life` in seconds. `progress` is called with progress texts."""

    seconds: float
    seed: int
    api_version: str = "handshake"
    speed: float = 6.0
    token_life: float = 2.5
    progress: Callable[[str], None] = lambda line: None


@dataclass
class _Scene:
    """All parts of a run."""

    options: Options
    daemon: DaemonProcess
    proxy: Proxy
    schedule: FaultSchedule
    driver: Driver
    client: agor.Client
    users: Users
    problems: Problems
    events: Counter[str]
    phases: Counter[str]
    recording: Recording
    turns: TurnCount
    ended_before: set[str]


async def run_scenario(options: Options) -> Report:
    """Run the scenario and return its report."""
    with (
        tempfile.TemporaryDirectory(prefix="agor-chaos-", ignore_cleanup_errors=True) as folder,
        Problems() as problems,
    ):
        settings = Settings(
            Path(folder) / "chaos.sqlite", options.api_version, options.speed, options.seed, options.token_life
        )
        daemon = DaemonProcess(settings)
        report = Report(options.seconds, options.seed, options.api_version)
        await daemon.start()
        try:
            await _warm_up(daemon)
            before = Process.now()
            await _between(options, daemon, problems, report, Path(folder))
            await _bill(before, report)
        finally:
            await daemon.end()
        report.problems = {
            "task exceptions never retrieved": problems.never_retrieved,
            "left unclosed": problems.unclosed,
            "errors without a name": problems.unnamed,
            "other problems": problems.other,
        }
        report.facts["log lines of the package"] = problems.warned
        report.facts["unruly callbacks reported"] = problems.unruly
    return report


async def _warm_up(daemon: DaemonProcess) -> None:
    """Use everything once, so that caches of libraries are not reported as leaks."""
    async with (
        agor.create_async_rest_client(daemon.url, api_key=daemon.api_key) as rest,
        agor.create_client(daemon.url, api_key=daemon.api_key) as client,
        Proxy(daemon.url),
    ):
        row = await rest.service("sessions").create({"branch_id": daemon.workspace_id, "agentic_tool": "claude-code"})
        async with agor.retain_reactive_session(client, row.session_id) as handle:
            await handle.ready()
        await rest.service("sessions").remove(row.session_id)


async def _between(options: Options, daemon: DaemonProcess, problems: Problems, report: Report, folder: Path) -> None:
    """Run everything between the two leak counts; when it returns, everything is closed."""
    async with (
        agor.create_async_rest_client(daemon.url, api_key=daemon.api_key, timeout=5.0) as rest,
        _executor(daemon, rest) as executor,
        Proxy(daemon.url) as proxy,
    ):
        driver = Driver(rest, executor, {"branch_id": daemon.workspace_id}, options.seed)
        await driver.make_sessions(SESSIONS + 1)
        await driver.until_idle(within=CALM)
        taken = [*seats(driver.sessions[:-1]), Seat(driver.doom_one(), "lazy")]
        link = SocketLink(
            proxy.url,
            credentials=ApiKey(daemon.api_key),
            timeout=3.0,
            connect_timeout=3.0,
            backoff=Backoff(first=0.1, most=1.0, steady=2.0),
            random=Random(f"back-off/{options.seed}").random,
        )
        async with agor.create_client(link=link) as client:
            events: Counter[str] = Counter()
            phases: Counter[str] = Counter()

            def count(event: RawEvent) -> None:
                events[event.topic] += 1

            def note(status: LinkStatus) -> None:
                phases[f"{status.phase}: {status.reason}" if status.reason else status.phase] += 1

            counting = client.events.subscribe(count)
            noting = client.on_status(note)
            users = Users(client, taken, problems, options.seed)
            schedule = FaultSchedule(proxy, daemon, options.seed)
            recording = agor.record(client, folder / "chaos.jsonl.gz")
            ended_before = set(await ended_tasks(rest, driver.sessions))
            turns = TurnCount(client, driver.sessions)
            await turns.ready()
            scene = _Scene(
                options, daemon, proxy, schedule, driver, client, users, problems, events, phases, recording, turns,
                ended_before,
            )  # fmt: skip
            for number in range(len(taken)):
                users.sit(number)
            await _reign(scene)
            await _work_on(scene)
            try:
                await _quiet(scene)
                await _compare(scene, report)
            except TimeoutError:
                report.faults.append(f"not quiet within {CALM:g} s: {_unquiet(scene)}")
            await _compare_recordings(scene, report)
            await _compare_turns(scene, rest, report)
            users.leave_all()
            await _facts(scene, report)
            noting()
            await _nothing_held(scene, report)
            counting.dispose()
        made = users.made
        del users, scene, client, link, counting, noting, recording, turns
    await asyncio.sleep(0)
    alive = still_alive(made)
    report.leaks += [f"{count} × {name} never collected" for name, count in alive.items()]


@contextlib.asynccontextmanager
async def _executor(daemon: DaemonProcess, rest: agor.AsyncRestClient) -> AsyncIterator[agor.AsyncRestClient]:
    """The client that posts stream events and changes messages: with a service token if there is one, else the
    member."""
    if daemon.service_token is None:
        yield rest
        return
    async with agor.create_async_rest_client(daemon.url, access_token=daemon.service_token, timeout=5.0) as service:
        yield service


async def _reign(scene: _Scene) -> None:
    """Run faults, restarts, driver and users concurrently, for the set time."""
    doom = scene.driver.remove_doomed(after=scene.options.seconds / 2)
    async with _going_on(scene.schedule.run(), scene.driver.drive(), scene.users.be(), _restarts(scene), doom):
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (passed := loop.time() - began) < scene.options.seconds:
            scene.options.progress(_progress(scene, passed))
            await asyncio.sleep(min(1.0, scene.options.seconds - passed))


async def _work_on(scene: _Scene) -> None:
    """Continue without faults and resyncs: the mirrors are updated by events only."""
    scene.options.progress("calm; the work goes on for a while")
    await scene.daemon.settled()
    await scene.driver.remove_doomed(after=0)
    await scene.users.settle()
    async with _going_on(scene.driver.drive()):
        await asyncio.sleep(min(5.0, scene.options.seconds / 5))
    scene.options.progress("waiting until all is quiet")


@contextlib.asynccontextmanager
async def _going_on(*what: Any) -> AsyncIterator[None]:
    """Run all of them until the end of the context; an error in one ends the run."""
    tasks = [asyncio.ensure_future(one) for one in what]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _restarts(scene: _Scene) -> None:
    """Kill the daemon at least once, at least three times in two minutes; sometimes stop it gracefully instead."""
    chance = Random(f"restarts/{scene.options.seed}")
    kills = max(1, math.ceil(scene.options.seconds / 35))
    span = scene.options.seconds / kills
    for number in range(kills):
        before = span * chance.uniform(0.3, 0.6)
        await asyncio.sleep(before)
        in_order = number % 2 == 1
        await scene.daemon.restart(down=chance.uniform(0.0, 1.0), in_order=False)
        if in_order:
            await asyncio.sleep(min(span * 0.15, 3.0))
            before += min(span * 0.15, 3.0)
            await scene.daemon.restart(down=chance.uniform(0.0, 0.5), in_order=True)
        await asyncio.sleep(max(0.0, span - before - 3.0))


def _progress(scene: _Scene, passed: float) -> str:
    return (
        f"{passed:4.0f} s of {scene.options.seconds:g}: {scene.schedule.drops} drops, {scene.daemon.kills} kills, "
        f"{scene.events.total()} events, {len(scene.users.syncs)} syncs, "
        f"{scene.users.failed.total()} calls failed, link {scene.client.status.phase}"
    )


# ---- the end ----


async def _quiet(scene: _Scene) -> None:
    """Wait until everything is idle. Raises TimeoutError."""
    async with asyncio.timeout(CALM):
        await scene.driver.until_idle(within=CALM)
        await _until(lambda: not _unquiet(scene))
        await _flush(scene)
        await _until(lambda: not _unquiet(scene))


async def _until(holds: Callable[[], bool]) -> None:
    """Wait for a condition, by polling every few milliseconds."""
    while not holds():  # noqa: ASYNC110 - what is waited for is another party's doing
        await asyncio.sleep(0.02)


async def _flush(scene: _Scene) -> None:
    """Wait until every event that the daemon sent before its answer was received."""
    while True:
        try:
            await scene.client.service("sessions").find(query={"$limit": 1})
        except AgorError:
            await asyncio.sleep(0.05)  # a renewal or a late disconnect came between
        else:
            return


def _unquiet(scene: _Scene) -> str:
    """Describe what is not idle yet."""
    if scene.client.status.phase != "live":
        return f"the link is {scene.client.status.phase}"
    for shared in scene.client.registry.sessions:
        state = shared.state
        waiting = [ask.kind for ask in state.fetches]
        if waiting or state.loading or not state.connected:
            return f"{_name(shared)} still asks for {waiting} (loading {state.loading}, error {state.error})"
    return ""


def _name(shared: SessionEntry) -> str:
    return f"{shared.session_id[-12:]} {shared.task_hydration}"


async def _compare(scene: _Scene, report: Report) -> None:
    """Compare every mirror with a fresh load by another client over a good network: before and after a resync."""
    scene.options.progress("quiet; reading everything afresh")
    daemon = scene.daemon
    ended = 0
    async with agor.create_client(daemon.url, api_key=daemon.api_key) as fresh:
        for shared in scene.client.registry.sessions:
            ours = shared.state
            theirs = await fresh_state(fresh, ours)
            differs = compared(ours, theirs) or unfinished(ours, just_read=False)
            stale = ours.error
            with contextlib.suppress(NotFound):  # of the session that was removed
                await shared.resync()
            again = shared.state
            theirs = await fresh_state(fresh, again)
            after = compared(again, theirs) or unfinished(again, just_read=True)
            if again.terminal:
                ended += 1
            elif again.error is not None:
                after = after or f"it says: {again.error}"
            messages = len(again.messages_by_task.entries)
            size = f"{len(again.tasks)} tasks, {len(again.loaded_task_ids)} loaded, {messages} messages"
            report.mirrors.append(Mirror(_name(shared), size, differs, stale, after))
            if again.anomalies:
                report.faults.append(f"{_name(shared)} could not read {dict(again.anomalies)}")
    if len({mirror.name.split()[0] for mirror in report.mirrors}) < SESSIONS + 1:
        report.faults.append("a session was not mirrored at the end")
    if ended != 1:
        report.faults.append(f"{ended} mirrors are terminal; one session was removed")


async def _compare_recordings(scene: _Scene, report: Report) -> None:
    """Fold the log of the whole run, and compare each mirror's last state in it with the mirror's own."""
    recording = scene.recording
    live = {number: (_name(entry), entry.state) for entry, number in recording.mirrors.items()}
    recording.stop()  # nothing is awaited in between: the log ends in these states
    await recording.aclose()
    log = logs.open(recording.paths)
    folded = await asyncio.to_thread(log.fold_mirrors)
    if log.damage or recording.dropped:
        report.faults.append(f"the recording has damage ({log.damage[:3]}) or dropped records ({recording.dropped})")
    differs = {name: offline_difference(folded.get(number), state) for number, (name, state) in live.items()}
    report.mirrors = [
        replace(mirror, recorded=differs.get(mirror.name, "it is not in the log")) for mirror in report.mirrors
    ]
    size = sum(path.stat().st_size for path in recording.paths)
    report.facts["recorded"] = f"{recording.records} records, {size / 1e6:.1f} MB, {len(folded)} mirrors in all"


async def _compare_turns(scene: _Scene, rest: agor.AsyncRestClient, report: Report) -> None:
    """Compare the turns that a sink counted with the ended tasks of the daemon: each exactly once."""
    await scene.turns.end()
    after = set(await ended_tasks(rest, scene.driver.sessions))
    counts = scene.turns.sink.counts
    report.faults += turns_differ(counts, scene.ended_before, after)
    if scene.turns.dropped or scene.turns.repeated:
        report.faults.append(f"turns: {scene.turns.dropped} dropped, {scene.turns.repeated} emitted again")
    new = len(after - scene.ended_before)
    report.facts["finished turns"] = f"{len(counts)} counted by a sink, {new} in the daemon's rows"
    if not new:
        report.faults.append("no turn ended during the run")


async def _facts(scene: _Scene, report: Report) -> None:
    schedule, users, daemon = scene.schedule, scene.users, scene.daemon
    epochs = scene.client.status.epoch
    # Thirty in two minutes; some in a run too short for a mean.
    least = math.floor(scene.options.seconds / 4) if scene.options.seconds >= 60 else min(2, scene.options.seconds // 8)
    report.failed_calls = users.failed
    report.facts |= {
        "drops": f"{schedule.drops} (all faults: {', '.join(f'{k} {n}' for k, n in sorted(schedule.hit.items()))})",
        "kills": f"{daemon.kills}, and {daemon.restarts} restarts in order",
        "connections": f"{epochs} made, {scene.proxy.refused} refused, {scene.proxy.unreachable} with nobody there",
        "logins over REST": f"{await daemon.logins()} since the last start",
        "cut by the daemon": sum(n for why, n in scene.phases.items() if "server disconnect" in why),
        "events": f"{scene.events.total()}, {scene.events['messages streaming:chunk']} of them chunks",
        "bootstraps and resyncs": len(users.syncs),
        "handles made": len(users.made) // 2,
        "users did": users.did,
        "the driver did": scene.driver.done,
        "the driver could not": scene.driver.failed,
    }
    if schedule.drops < least:
        report.faults.append(f"only {schedule.drops} drops, wanted {least}")
    if users.backwards:
        report.faults.append(f"{users.backwards} snapshots told out of order")


async def _nothing_held(scene: _Scene, report: Report) -> None:
    """Check that without handles the client keeps no entries, and the daemon sends no session events."""
    report.looked_for = (
        "asyncio tasks", "sockets", "aiohttp sessions", "engineio clients", *client_counts(scene.client), "handles",
        "mirrors in memory", "memberships at the daemon", "memory",
    )  # fmt: skip
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            await _until(lambda: not any(client_counts(scene.client).values()))
    report.leaks += [f"{count} {what} left" for what, count in client_counts(scene.client).items() if count]
    if scene.options.api_version != "handshake":
        return
    before = scene.events["messages streaming:chunk"]
    await scene.driver.prompt_all("[tools:0] [say:Is anybody there?]")
    await scene.driver.until_idle(within=CALM)
    await _flush(scene)
    if scene.events["messages streaming:chunk"] != before:
        report.leaks.append("a membership at the daemon: its stream events still come")


async def _bill(before: Process, report: Report) -> None:
    """Describe the counts of the process that have increased."""
    for _ in range(50):
        after = Process.now()
        if not after.tasks - before.tasks:
            break
        await asyncio.sleep(0.02)
    report.leaks += after.grown_since(before)
    grown = f"{after.blocks - before.blocks:+} blocks"
    if after.resident is not None and before.resident is not None:
        grown += f", {(after.resident - before.resident) / 1e6:+.1f} MB resident"
    report.facts["memory since the start"] = grown
