"""Writes contracts/legacy.openapi.yaml from the reference Django, by drf-spectacular, and says when it is out of date.

Not for a deployment's own document: that is read where it is served (breaking.py).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from cutover.config.validation import ConfigurationError
from cutover.contract.document import FILES

_HEADER: Final = """\
# The API of the legacy system, written from its views by drf-spectacular: `cutover contract legacy --write`.
# Do not change it here: reference/legacy/config/openapi.py says what the views cannot.
"""
_VARIABLES: Final = {
    "DJANGO_SETTINGS_MODULE": "config.settings_openapi",
    **dict.fromkeys(("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"), "unused"),
    "LEGACY_SECRET_KEY": "unused",
    "LEGACY_MEDIA_ROOT": "unused",
    "LEGACY_VERSION": "1.0.0",
}
"""Django wants its settings; nothing is connected to and nothing signed."""


def generated(project: Path) -> str:
    """The text that the file should have. Raises ConfigurationError when it cannot be made."""
    import os

    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "legacy.yaml"
        done = subprocess.run(
            [sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", str(output)],
            cwd=project / "reference" / "legacy",
            env={"PATH": os.environ.get("PATH", ""), **_VARIABLES},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0 or not output.is_file():
            told = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
            raise ConfigurationError(
                project / "reference/legacy/config/openapi.py", "", f"no document can be written: {told}", "Mend it."
            )
        return _HEADER + output.read_text(encoding="utf-8")


def judge(project: Path, *, write: bool) -> None:
    """Write the file, or raise ConfigurationError when it is not what would be written."""
    file = project / FILES["legacy"]
    text = generated(project)
    if write:
        file.write_text(text, encoding="utf-8")
    elif not file.is_file() or file.read_text(encoding="utf-8") != text:
        raise ConfigurationError(
            file,
            "",
            "is not what the reference's views say",
            "Run `cutover contract legacy --write`, read the difference.",
        )
