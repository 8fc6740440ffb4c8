"""What a browser shows of a session: its document, patches between documents, and the scripts and looks of the page.

Knows no widget and no server: the notebook views and the report are two hosts of the same page.
"""
