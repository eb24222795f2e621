"""The foreign pair of reference/foreign as a process, and projects that are configured for it."""

import contextlib
import json
import os
import secrets
import select
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass

from cutover.config.validation import root


@dataclass(frozen=True)
class ForeignPair:
    """A running foreign pair: the URLs of both systems, and the variables with their secrets."""

    new: str
    old: str
    variables: dict[str, str]


@contextlib.contextmanager
def foreign_pair(
    *options: str, new_port: int = 0, old_port: int = 0, variables: dict[str, str] | None = None
) -> Generator[ForeignPair]:
    """Run the pair until the end of the block. options: --fault NAME, --control. Ports: 0 for any free one.

    variables: the secrets of an earlier pair, new ones by default.
    """
    variables = variables or {f"ROSTER_{name}_SECRET": secrets.token_hex(32) for name in ("NEW", "OLD")}
    command = [sys.executable, "-m", "reference.foreign", "--new-port", str(new_port), "--old-port", str(old_port)]
    process = subprocess.Popen(
        [*command, *options], cwd=root(), env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 30)[0], "the foreign pair did not start within 30 s"
        urls = json.loads(process.stdout.readline())
        yield ForeignPair(urls["new"], urls["old"], variables)
    finally:
        process.terminate()
        process.wait(15)
        process.stdout.close()
