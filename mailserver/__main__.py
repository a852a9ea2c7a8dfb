"""`python -m mailserver` is `mailserver`."""

from mailserver.cli.main import main

main()
