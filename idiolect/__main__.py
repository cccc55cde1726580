"""`python -m idiolect` is the command `idiolect`."""

from idiolect.cli.app import main

if __name__ == "__main__":
    main()
