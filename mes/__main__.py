"""`python -m mes` is `mes`."""

from mes.cli import main

main()
