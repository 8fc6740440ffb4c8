"""What views show of a session: a snapshot as headings, tasks, blocks, notes and requests. Knows no terminal, no page.

Pure: reads no clock, does no IO. The terminal paints these values, the notebook sends what changed of them, the saved
transcript prints them. All text of models, tools and daemons is safe to show here: prose without control codes
(`plain`), input of tools with every character visible (`exact`).
"""
