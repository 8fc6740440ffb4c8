"""What views show of a session: a snapshot as headings, tasks, blocks, notes and requests. Knows no terminal, no page.

Pure: reads no clock, does no IO. The terminal paints these values, the notebook sends what changed of them, the saved
transcript prints them. All text of models, tools and daemons is plain text without control codes here.
"""

from agor_reactive.adapters.presentation.blocks import (
    Block,
    NoteBlock,
    QuestionBlock,
    TextBlock,
    ThinkingBlock,
    ToolBlock,
    UserBlock,
)
from agor_reactive.adapters.presentation.heading import ContextUse, Heading, Note, error_text, heading_of, notes_of
from agor_reactive.adapters.presentation.plain import one_line, plain
from agor_reactive.adapters.presentation.presenter import Presenter
from agor_reactive.adapters.presentation.quantities import count_text, seconds_text
from agor_reactive.adapters.presentation.requests import RequestBlock, Viewer
from agor_reactive.adapters.presentation.status import is_busy, is_settled, mark_of, status_label, tone_of
from agor_reactive.adapters.presentation.tasks import QueuedPrompt, TaskHeading, queue_of, task_heading
from agor_reactive.adapters.presentation.tools import ToolDetail, data_text, tool_detail
from agor_reactive.adapters.presentation.transcript import transcript

__all__ = [
    "Block",
    "ContextUse",
    "Heading",
    "Note",
    "NoteBlock",
    "Presenter",
    "QuestionBlock",
    "QueuedPrompt",
    "RequestBlock",
    "TaskHeading",
    "TextBlock",
    "ThinkingBlock",
    "ToolBlock",
    "ToolDetail",
    "UserBlock",
    "Viewer",
    "count_text",
    "data_text",
    "error_text",
    "heading_of",
    "is_busy",
    "is_settled",
    "mark_of",
    "notes_of",
    "one_line",
    "plain",
    "queue_of",
    "seconds_text",
    "status_label",
    "task_heading",
    "tone_of",
    "tool_detail",
    "transcript",
]
