"""Views of sessions for people. Each shows snapshots and imports heavy packages inside."""
