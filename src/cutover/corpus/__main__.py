"""Prints the text of tests/corpus/expected.toml: `python -m cutover.corpus > tests/corpus/expected.toml`.

Run it after a file was changed on purpose, and read the difference before it is checked in. It judges
nothing: the unit tests do.
"""

import sys

from cutover.corpus.expected import expected_toml

sys.stdout.write(expected_toml())
