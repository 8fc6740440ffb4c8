"""The HTML of a report: one file that loads nothing. Its own script and style are named by their hashes."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping
from string import Template
from typing import Any, Final

from agor_reactive._version import __version__
from agor_reactive.adapters.page.pages import script, style
from agor_reactive.models.json_text import json_bytes

__all__ = ["page"]

# `default-src 'none'`: no request at all. Only the script and style with these hashes run; the data is no script.
_POLICY: Final = (
    "default-src 'none'; script-src 'sha256-$script'; style-src 'sha256-$style'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
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
<main class="ag-report" id="ag-report"></main>
<script type="application/json" id="ag-data">$data</script>
<script type="module">$script</script>
</body>
</html>
""")


def page(title: str, text: str, data: Mapping[str, Any]) -> str:
    """Return the page. `text` is what it shows without scripts; `data` is what `report.js` reads."""
    code, looks = script("report"), style("report")
    policy = Template(_POLICY).substitute(script=_hash(code), style=_hash(looks))
    return _PAGE.substitute(
        policy=policy,
        version=html.escape(__version__),
        title=html.escape(title),
        text=html.escape(text),
        data=_in_script(data),
        style=looks,
        script=code,
    )


def _hash(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _in_script(data: Mapping[str, Any]) -> str:
    """JSON that cannot end its element, whatever its texts hold."""
    text = json_bytes(data).decode()
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
