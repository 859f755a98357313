"""What eyes and hands need of a page, computed in a real Chromium: contrast, nothing outside of the screen, things large enough to hit."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_PAIRS = """() => [...document.querySelectorAll('body *')].filter(e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())
    && !e.closest('svg') && e.getClientRects().length).map(e => { let g = e; const solid = x => { const s = getComputedStyle(x);
    return s.backgroundImage != 'none' ? (s.backgroundImage.match(/rgb\\([^)]*\\)/) || [])[0] : s.backgroundColor.startsWith('rgba') ? null : s.backgroundColor };
    while (g && !solid(g)) g = g.parentElement; return [getComputedStyle(e).color, g ? solid(g) : 'rgb(255, 255, 255)', e.textContent.trim().slice(0, 20)] })"""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser; to be opened after whatever needs an event loop of this thread. Skips where there is no Chromium."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: the page was not drawn")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def _light(colour: str) -> float:
    """Relative luminance of 'rgb(r, g, b)' (WCAG 2.2)."""
    parts = [int(n) / 255 for n in re.findall(r"\d+", colour)[:3]]
    return sum(w * (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4) for w, c in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def faint(page: Any, at_least: int = 15) -> list[list[str]]:
    """Every text whose contrast with what is painted under it is below 4.5 to 1 (WCAG 2.2, 1.4.3), as [ink, ground, words]; of at least so many texts."""
    pairs = page.evaluate(_PAIRS)
    assert len(pairs) > at_least
    return [pair for pair in pairs if (max(a := _light(pair[0]), b := _light(pair[1])) + 0.05) / (min(a, b) + 0.05) < 4.5]


def outside(page: Any) -> list[str]:
    """What sticks out of the window to the right."""
    out: list[str] = page.evaluate("""[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.outerHTML.slice(0, 80)).concat(document.documentElement.scrollWidth > innerWidth ? ['scrolls'] : [])""")
    return out
