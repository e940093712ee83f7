"""`python -m hydroda` is the command line."""

from hydroda.cli import main

main()
