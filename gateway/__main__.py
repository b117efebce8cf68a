"""`python -m gateway` is `achit`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
