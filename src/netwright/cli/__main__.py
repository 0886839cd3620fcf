"""``python -m netwright.cli``."""

import sys

from netwright.cli import main

sys.exit(main())
