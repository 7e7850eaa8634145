"""`python -m flight_recorder.tui` is `tui`."""

from flight_recorder.tui.cli import main

if __name__ == "__main__":
    main()
