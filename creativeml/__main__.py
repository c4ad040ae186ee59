"""`python -m creativeml` is the same program as `creativeml`."""

from creativeml.cli import main

if __name__ == "__main__":
    main()
