"""Notebooks written by tests."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

__all__ = ["view_cell", "write_notebook"]

_ROOT = Path(__file__).resolve().parents[2]


def view_cell(*, tasks: int, messages: int) -> str:
    """A cell that shows a session with so many tasks, the last one running, each with so many messages."""
    return f"""
        import sys
        sys.path.insert(0, ROOT)
        from agor_reactive.adapters.ipywidgets import SessionView
        from tests.notebook.long_session import long_session
        session = await long_session(tasks={tasks}, messages={messages})
        SessionView(session.handle)
        """


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
