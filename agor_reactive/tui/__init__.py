"""The full-screen app of a terminal, ``agor-reactive ui``: sessions, transcripts, prompts, permission requests.

Needs the extra ``[tui]``. `sheet`, `units`, `typeset` and `pieces` lay out a transcript of any length and know rich
only; the other modules are widgets of textual. What is shown of a snapshot is decided by `adapters.presentation`.
"""
