"""The living half: events are routed to sessions, folded, and shared out. Everything here belongs to one event loop."""
