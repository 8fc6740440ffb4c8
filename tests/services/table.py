"""Generates docs/services.md from the code: the service, row, methods, wire calls and events of each path.

``python -m tests.services.table`` writes it; a test checks that it is up to date.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from agor_reactive.calls.effects import Call, Now
from agor_reactive.calls.methods import STANDARD_METHODS
from agor_reactive.calls.service_table import SERVICE_TABLE, facts_of
from agor_reactive.calls.surface import OperationMethod, PagedMethod
from agor_reactive.calls.versions import OFFERED
from agor_reactive.models.realtime import PAYLOAD_OF_TOPIC
from agor_reactive.services import SERVICES, Service
from agor_reactive.services.known import EVENTS, OFFERS, SMALL

PAGE = Path(__file__).parents[2] / "docs" / "services.md"
UNDOCUMENTED = re.compile(r" The (body|query) (is|and the method's name are) undocumented[^.]*\.")
SIX = ("find", "get", "create", "update", "patch", "remove")
SOME_ID = "01970a3f-91c2-7b1e-8d55-0c1f2a3b4c5d"
ROW_EVENTS = ("created", "patched", "updated", "removed")

HEAD = """# Services

Generated from the code by `python -m tests.services.table`; do not edit it.

`client.service("…")` is typed by its path, on every client. Every service has `find`, `find_all`, `iterate`, `get`,
`create`, `create_many`, `update`, `patch`, `remove` and `call` (any method by its wire name). The table shows which of
the six standard methods daemons offer. Any other path works too, untyped. On live clients `on(event, …)` subscribes to
a service's events: typed rows for `created`, `patched`, `updated`, `removed` and `queued`.

A dash in the column *row* means undocumented rows: payloads are passed through as given, answers are frozen JSON. A
method marked with ° has an undocumented body: it also accepts a mapping, which is passed through as given.

Every method takes `timeout=`, in seconds, for each request it makes (`ask` and `wait`: for the whole wait), and
`max_retries=`, how often each request is repeated.

The column *daemons* is empty if every daemon has the service, or if that is unknown. If a daemon refuses a call because
it lacks the route or method, the call raises `UsageError`, which names the versions that have it.

| path | row | standard methods | custom methods | custom events | daemons |
| --- | --- | --- | --- | --- | --- |
"""


def paths() -> list[str]:
    """Every known path, those with custom methods first."""
    typed = [path for path, facts in SERVICE_TABLE.items() if facts.model is not None]
    return list(dict.fromkeys([*SERVICES, *typed, *OFFERS, *SMALL]))


def operation_methods(path: str) -> dict[str, OperationMethod[Any, ...] | PagedMethod[Any, ...]]:
    """The custom methods of a service."""
    service = SERVICES.get(path, Service)
    found: dict[str, OperationMethod[Any, ...] | PagedMethod[Any, ...]] = {}
    for kind in reversed(service.__mro__):
        if kind is not Service and issubclass(kind, Service):
            found.update(
                {
                    name: method
                    for name, method in vars(kind).items()
                    if isinstance(method, OperationMethod | PagedMethod)
                }
            )
    return found


# A decision looks its request up first, unless it is told where it is.
AT_ONCE = {"permission_decision": {"task_id": SOME_ID, "wait": False}}


def events(path: str) -> list[str]:
    """The events that a service has beyond those of its rows."""
    named = [topic.removeprefix(f"{path} ") for topic in PAYLOAD_OF_TOPIC if topic.startswith(f"{path} ")]
    return [*(name for name in named if name not in ROW_EVENTS), *EVENTS.get(path, ())]


def first_call(path: str, method: OperationMethod[Any, ...]) -> Call:
    """What a method asks first of the daemon, found out by beginning it."""
    surface = SERVICES[path](path, _Nobody())
    operation = method.operation(
        surface, **made_up_arguments(method.operation), **AT_ONCE.get(method.operation.__name__, {})
    )
    effect = next(operation)
    while isinstance(effect, Now):
        effect = operation.send(0.0)
    operation.close()
    assert isinstance(effect, Call)
    return effect


class _Nobody:
    def run(self, *_: Any) -> Any:
        raise AssertionError("nothing is run here")

    walk = run


def made_up_arguments(operation: Any) -> dict[str, Any]:
    """Something for every argument that a method must be given."""
    return {
        name: _made_up(name, str(parameter.annotation))
        for name, parameter in list(inspect.signature(operation).parameters.items())[1:]
        if parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }


def _made_up(name: str, annotation: str) -> Any:
    if annotation.startswith("str"):
        return SOME_ID if name.endswith("_id") else "NAME"
    if annotation.startswith(("int", "bool")):
        return 1
    return [{}] if annotation.startswith("Sequence") else {"a": 1}


def on_the_wire(path: str, method: OperationMethod[Any, ...]) -> str:
    """The call as the socket has it, or REST."""
    call = first_call(path, method)
    where = re.sub("NAME", ":name", call.service.replace(SOME_ID, ":id"))
    if call.method in STANDARD_METHODS:
        return f"{call.method} `{where}`"
    return f"`{call.method}` on `{where}`, live only"


def signature(name: str, method: OperationMethod[Any, ...]) -> str:
    """As a caller writes it, without types."""
    shown: list[str] = []
    for parameter in list(inspect.signature(method.operation).parameters.values())[1:]:
        if parameter.name in ("timeout", "max_retries"):
            continue
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        star = "**" if parameter.kind is inspect.Parameter.VAR_KEYWORD else ""
        default = "" if parameter.default is inspect.Parameter.empty else f"={parameter.default!r}"
        shown.append(f"{star}{parameter.name}{default}")
    return f"{name}({', '.join(shown)})"


def row_line(path: str) -> str:
    model = facts_of(path).model
    offered = OFFERS.get(path, SIX)
    standard = "all six" if set(offered) == set(SIX) else ", ".join(offered)
    standard = "find, get or create" if path in SMALL else standard
    offer = next((one for one in OFFERED if one.path == path and not one.methods), None)
    versions = "" if offer is None else offer.have.removeprefix("Daemons ")
    own = ", ".join(f"`{name}`" for name in operation_methods(path))
    special = ", ".join(f"`{event}`" for event in events(path))
    row = f"`{model.__name__}`" if model is not None else "–"
    return f"| `{path}` | {row} | {standard} | {own} | {special} | {versions} |"


def section(path: str) -> str:
    lines = [f"\n## {path}\n", "| method | on the wire | what it does |", "| --- | --- | --- |"]
    for name, method in operation_methods(path).items():
        assert isinstance(method, OperationMethod)
        what = UNDOCUMENTED.sub("", " ".join((method.__doc__ or "").split("\n\n")[0].split()))
        what = what.replace("|", "\\|").replace("``", "`")
        mark = " °" if "undocumented" in (method.__doc__ or "") else ""
        lines.append(f"| `{signature(name, method)}`{mark} | {on_the_wire(path, method)} | {what} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole page."""
    table = "\n".join(row_line(path) for path in paths())
    return HEAD + table + "\n" + "".join(section(path) for path in SERVICES if operation_methods(path))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE}: {len(paths())} paths, {sum(len(operation_methods(path)) for path in SERVICES)} custom methods")
