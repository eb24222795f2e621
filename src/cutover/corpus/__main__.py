"""Print tests/corpus/expected.toml: `python -m cutover.corpus > tests/corpus/expected.toml`.

Run it after an intended change of a file, and read the difference before you commit it.
"""

import sys

from cutover.corpus.expected import expected_toml

sys.stdout.write(expected_toml())
