"""`python -m resmooth.cli`, as torchrun starts it."""

from resmooth.cli import main

if __name__ == "__main__":
    main()
