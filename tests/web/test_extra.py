"""The extra of the web view: named when it is missing, and not loaded by `import agor_reactive`."""

from __future__ import annotations

import subprocess
import sys

import pytest

MISSING = """
import sys
sys.modules[{name!r}] = None
import agor_reactive
from agor_reactive.errors import MissingExtra
try:
    import agor_reactive.web
except MissingExtra as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["starlette", "uvicorn", "websockets"])
def test_without_the_extra_its_name_is_said(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", MISSING.format(name=name)], capture_output=True, text=True, check=True)
    assert done.stdout == f'the web view needs {name}: pip install "agor-reactive[web]"\n'
