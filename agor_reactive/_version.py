"""The version, read by the build and by `agor_reactive.__version__`."""

__version__ = "0.1.0"
