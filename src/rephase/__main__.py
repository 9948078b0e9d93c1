"""Makes ``python -m rephase`` the ``rephase`` command."""

from __future__ import annotations

import sys

from rephase.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
