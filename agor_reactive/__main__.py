"""`python -m agor_reactive`: the command line, where the console script is not on the path."""

from agor_reactive.cli import main

if __name__ == "__main__":
    main()
