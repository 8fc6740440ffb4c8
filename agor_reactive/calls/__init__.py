"""One call layer for every client and live session: sans-IO operations, the effects they yield, and their drivers.

`effects` are what an operation yields; `drivers` carry them out; `surface` offers an operation as a method, called or
awaited. `operations`, `settling` and `paging` hold the operations, `answers` reads what comes back, `versions` explains
what a daemon lacks. No IO here: a client gives a driver the function that makes one call.
"""
