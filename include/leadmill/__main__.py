"""``python -m leadmill``."""

from leadmill.cli import main

main()
