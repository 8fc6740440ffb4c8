"""Faces of a session for people: each knows snapshots, no layer below knows one, heavy packages stay inside."""
