"""A report as one HTML file that loads nothing and runs nothing: tables, and plots drawn as SVG."""

from __future__ import annotations

import base64
import hashlib
import html
import os
from pathlib import Path
from string import Template
from typing import Any, Final

import pandas

from agor_reactive._version import __version__
from agor_reactive.errors import UsageError
from agor_reactive.scale.cells import Table, headline, tables_of
from agor_reactive.scale.summary import Report

__all__ = ["page_of", "write_page"]

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1f2328; --dim: #59636e; --rule: #d1d9e0; --bar: #0969da; --back: #ffffff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #f0f6fc; --dim: #9198a1; --rule: #3d444d; --bar: #4493f8; --back: #0d1117; }
}
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: var(--ink); background: var(--back);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.9rem 0.25rem 0; border-bottom: 1px solid var(--rule); text-align: left; }
th { color: var(--dim); font-weight: 600; } .number { text-align: right; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; }
svg rect { fill: var(--bar); } svg text { fill: var(--dim); font: 11px system-ui, sans-serif; }
svg line { stroke: var(--rule); }
"""

_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
"""The policy lets no other style in, and nothing else at all."""

_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="agor_reactive $version">
<title>Sessions report</title>
<style>$style</style>
</head>
<body>
<main>
<h1>$headline</h1>
<div class="plots">$plots</div>
$tables
</main>
</body>
</html>
""")

_PLOTS: Final = {
    "turns": ("Turns per day", "{:,.0f}"),
    "failed": ("Failed turns per day", "{:,.0f}"),
    "cost_usd": ("Cost per day, $", "{:,.2f}"),
    "output_tokens": ("Tokens written per day", "{:,.0f}"),
    "waited_s": ("Mean wait in the queue, s", "{:,.1f}"),
    "took_s": ("Mean duration of a turn, s", "{:,.1f}"),
}
_WIDTH, _HEIGHT, _TOP, _BOTTOM = 480, 200, 18, 20
_MOST_BARS: Final = 120


def page_of(report: Report) -> str:
    """The page. No text of a log becomes markup."""
    days = report.days[report.days["day"].notna()]
    plots = [_plot(days, name) for name in _PLOTS if days[name].notna().any() and (days[name] > 0).any()]
    tables = [_table(table) for table in tables_of(report)]
    if report.damage:
        rows = [[str(damage)] for damage in report.damage]
        tables.append(_table(Table("Not readable", [("what", False)], rows)))
    return _PAGE.substitute(
        policy=f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'",
        version=html.escape(__version__),
        style=_STYLE,
        headline=html.escape(headline(report)),
        plots="".join(plots),
        tables="".join(tables),
    )


def write_page(report: Report, path: str | os.PathLike[str]) -> Path:
    """Write the page; an existing file is replaced. Raises `UsageError` if that is not possible."""
    target = Path(path)
    try:
        target.write_text(page_of(report), encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}") from None
    return target


def _table(table: Table) -> str:
    def row(tag: str, cells: list[str]) -> str:
        marked = zip(cells, table.heads, strict=True)
        kind = ' scope="col"' if tag == "th" else ""
        inner = [f"<{tag}{kind}{' class=number' if of[1] else ''}>{html.escape(text)}</{tag}>" for text, of in marked]
        return f"<tr>{''.join(inner)}</tr>"

    head = row("th", [name for name, _ in table.heads])
    body = "".join(row("td", cells) for cells in table.rows)
    title = html.escape(table.title)
    return f'<h2>{title}</h2>\n<div class="wide"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>\n'


def _plot(days: Any, name: str) -> str:
    """A bar per day, days without turns left empty. Of more than a season only the last days."""
    title, form = _PLOTS[name]
    values = days.set_index(pandas.to_datetime(days["day"].astype(str)))[name].astype("float64")
    every = pandas.date_range(values.index.min(), values.index.max(), freq="D")[-_MOST_BARS:]
    values = values.reindex(every).fillna(0.0)
    most = float(values.max()) or 1.0
    room, step = _HEIGHT - _TOP - _BOTTOM, _WIDTH / len(every)
    bars = []
    for at, (day, value) in enumerate(values.items()):
        tall = room * value / most
        x, wide = at * step + step * 0.1, min(step * 0.8, 60)
        label = f"{day:%Y-%m-%d}: {form.format(value)}"
        bars.append(
            f'<rect x="{x:.1f}" y="{_TOP + room - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}">'
            f"<title>{label}</title></rect>"
        )
    base = _TOP + room
    axis = (
        f'<line x1="0" y1="{base}" x2="{_WIDTH}" y2="{base}"/><text x="0" y="12">{form.format(most)}</text>'
        f'<text x="0" y="{_HEIGHT - 5}">{every[0]:%Y-%m-%d}</text>'
    )
    if len(every) > 1:
        axis += f'<text x="{_WIDTH}" y="{_HEIGHT - 5}" text-anchor="end">{every[-1]:%Y-%m-%d}</text>'
    picture = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">{"".join(bars)}{axis}</svg>'
    return f"<figure><figcaption>{title}</figcaption>{picture}</figure>"
