"""Notebooks written by tests."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

__all__ = ["write_notebook"]

_ROOT = Path(__file__).resolve().parents[2]


def write_notebook(path: Path, *cells: str) -> None:
    """A notebook of these code cells; ``ROOT`` in them is the project's folder as a string."""
    sources = [textwrap.dedent(cell).strip().replace("ROOT", repr(str(_ROOT))) for cell in cells]
    notebook = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{number}",
                "metadata": {},
                "outputs": [],
                "execution_count": None,
                "source": text,
            }
            for number, text in enumerate(sources)
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(notebook), encoding="utf-8")
