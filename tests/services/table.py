"""docs/services.md, made from the code: which path leads to which service, row, methods, wire calls and events.

``python -m tests.services.table`` writes it; a test sees that it is up to date.
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
from agor_reactive.services.catalogue import EVENTS, OFFERS, SMALL

PAGE = Path(__file__).parents[2] / "docs" / "services.md"
NOT_ON_RECORD = re.compile(r" The shape of the \w+ is not on record[^.]*\.")
SIX = ("find", "get", "create", "update", "patch", "remove")
SOME_ID = "01970a3f-91c2-7b1e-8d55-0c1f2a3b4c5d"
ROW_EVENTS = ("created", "patched", "updated", "removed")

HEAD = """# Services

Made from the code by `python -m tests.services.table`; do not edit it by hand.

`client.service("…")` is typed by its path, on every kind of client. Every service has `find`, `find_all`, `iterate`,
`get`, `create`, `create_many`, `update`, `patch`, `remove` and `call` (any method by its name on the wire); which of
the six standard methods a daemon offers is in the table. Any other path works too, untyped. On live clients
`on(event, …)` hears a service's events: typed rows for `created`, `patched`, `updated`, `removed` and `queued`.

Where the column *row* has a dash, the shape is not on record: what goes in is passed through as given, what comes out
is frozen JSON. A method marked with ° has a body whose shape is not on record: it takes a mapping, too, which is passed
through as given.

Every method takes `timeout=`, in seconds, for each request it makes (`ask` and `wait`: for the whole).

The column *daemons* is empty where every daemon has it, or nothing is on record. A call that a daemon refuses because
it lacks the route or method raises `UsageError`, which names the versions that have it.

| path | row | standard methods | methods of its own | events of its own | daemons |
| --- | --- | --- | --- | --- | --- |
"""


def paths() -> list[str]:
    """Every path that is known, those with methods of their own first."""
    typed = [path for path, facts in SERVICE_TABLE.items() if facts.model is not None]
    return list(dict.fromkeys([*SERVICES, *typed, *OFFERS, *SMALL]))


def operation_methods(path: str) -> dict[str, OperationMethod[..., Any] | PagedMethod[..., Any]]:
    """The methods that a service has beyond those of every service."""
    service = SERVICES.get(path, Service)
    found: dict[str, OperationMethod[..., Any] | PagedMethod[..., Any]] = {}
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


def first_call(path: str, method: OperationMethod[..., Any]) -> Call:
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


def on_the_wire(path: str, method: OperationMethod[..., Any]) -> str:
    """The call as the socket has it, or REST."""
    call = first_call(path, method)
    where = re.sub("NAME", ":name", call.service.replace(SOME_ID, ":id"))
    if call.method in STANDARD_METHODS:
        return f"{call.method} `{where}`"
    return f"`{call.method}` on `{where}`, live only"


def signature(name: str, method: OperationMethod[..., Any]) -> str:
    """As a caller writes it, without types."""
    shown: list[str] = []
    for parameter in list(inspect.signature(method.operation).parameters.values())[1:]:
        if parameter.name == "timeout":
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
        what = NOT_ON_RECORD.sub("", " ".join((method.__doc__ or "").split("\n\n")[0].split()))
        what = what.replace("|", "\\|").replace("``", "`")
        mark = " °" if "not on record" in (method.__doc__ or "") else ""
        lines.append(f"| `{signature(name, method)}`{mark} | {on_the_wire(path, method)} | {what} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole page."""
    table = "\n".join(row_line(path) for path in paths())
    return HEAD + table + "\n" + "".join(section(path) for path in SERVICES if operation_methods(path))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(
        f"{PAGE}: {len(paths())} paths, {sum(len(operation_methods(path)) for path in SERVICES)} methods of their own"
    )
