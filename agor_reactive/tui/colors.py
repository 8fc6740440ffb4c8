"""Colours for dark and for light terminals, chosen so that all text has a contrast of at least 4.5:1."""

from __future__ import annotations

from typing import Final

from rich.terminal_theme import TerminalTheme
from textual.theme import Theme

__all__ = ["DARK", "LIGHT", "LIGHT_THEME"]

DARK: Final = TerminalTheme(
    (18, 18, 18),
    (224, 224, 224),
    [
        *[(140, 140, 140), (255, 110, 120), (110, 210, 120), (235, 190, 90)],
        *[(110, 170, 255), (215, 150, 240), (90, 205, 225), (224, 224, 224)],
    ],
    [
        *[(160, 160, 160), (255, 140, 148), (140, 230, 150), (245, 210, 120)],
        *[(145, 190, 255), (230, 175, 250), (125, 225, 240), (255, 255, 255)],
    ],
)

LIGHT: Final = TerminalTheme(
    (250, 250, 250),
    (31, 31, 31),
    [
        *[(31, 31, 31), (160, 20, 32), (18, 92, 38), (112, 68, 0)],
        *[(20, 70, 160), (115, 40, 135), (0, 84, 100), (85, 85, 85)],
    ],
    [
        *[(85, 85, 85), (165, 22, 36), (18, 96, 40), (116, 72, 0)],
        *[(22, 74, 168), (120, 44, 140), (0, 88, 104), (31, 31, 31)],
    ],
)

LIGHT_THEME: Final = Theme(
    name="agor-light",
    primary="#0b5cad",
    secondary="#0b5cad",
    accent="#0b5cad",
    warning="#8a5300",
    error="#b3261e",
    success="#1b7a3d",
    foreground="#1f1f1f",
    background="#fafafa",
    surface="#f2f2f2",
    panel="#e9ebee",
    dark=False,
)
