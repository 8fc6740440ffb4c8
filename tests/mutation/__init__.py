"""A sampled, seeded mutation run: `python -m tests.mutation` breaks the core and the session layer, one line at a time,
and lists the changes that no test notices."""
