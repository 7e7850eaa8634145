"""`python -m flight_recorder.engine` is `engine`; torchrun starts it this way."""

from flight_recorder.engine.cli import main

if __name__ == "__main__":
    main()
