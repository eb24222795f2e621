"""Run the `cutover` command: `python -m cutover.cli`."""

import sys

from cutover.cli import main

sys.exit(main())
