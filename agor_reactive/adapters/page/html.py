"""A page of its own: HTML with its script and style inside, and a policy that allows nothing else. Pure.

The report is such a page in a file, the web view one that a server sends.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping
from string import Template
from typing import Any, Final, NamedTuple

from agor_reactive._version import __version__
from agor_reactive.adapters.page.pages import script, style
from agor_reactive.models.json_text import json_bytes

__all__ = ["Html", "html_of"]

# `default-src 'none'`: no request at all, unless `connect` allows some. Only the script and style with these hashes are
# used; the data is no script.
_POLICY: Final = Template(
    "default-src 'none'; script-src 'sha256-$script'; style-src 'sha256-$style'; connect-src $connect; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)

_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="agor_reactive $version">
<title>$title</title>
<style>$style</style>
</head>
<body>
<noscript><pre class="ag-plain">$text</pre></noscript>
<main class="$name" id="ag-page"></main>
<script type="application/json" id="ag-data">$data</script>
<script type="module">$script</script>
</body>
</html>
""")


class Html(NamedTuple):
    """A page and its Content-Security-Policy, which the page has in it too."""

    text: str
    policy: str


def html_of(name: str, *, title: str, text: str, data: Mapping[str, Any], looks: str, connect: str = "'none'") -> Html:
    """Return the page whose script is the module `name`, and whose style ends with the sheet `looks`.

    `text` is what it shows without scripts, `data` what its script reads, `connect` where it may connect to.
    """
    code, sheet = script(name), style("standalone", looks)
    policy = _POLICY.substitute(script=_hash(code), style=_hash(sheet), connect=connect)
    page = _PAGE.substitute(
        policy=policy,
        version=html.escape(__version__),
        title=html.escape(title),
        text=html.escape(text),
        name=f"ag-{looks}",
        data=_in_script(data),
        style=sheet,
        script=code,
    )
    return Html(page, policy)


def _hash(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _in_script(data: Mapping[str, Any]) -> str:
    """JSON that cannot end its element, whatever its texts hold."""
    text = json_bytes(data).decode()
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
