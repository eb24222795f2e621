"""What makes Hypothesis draw the same in each run, whatever else the process has done.

Not for what is drawn.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants


@contextlib.contextmanager
def no_constants_of_ours() -> Iterator[None]:
    """Hypothesis draws constants from the modules that happen to be loaded: what else a process ran must not matter."""
    name = "_get_local_constants"
    before = getattr(providers, name)
    providers.CONSTANTS_CACHE.cache.clear()
    setattr(providers, name, Constants)
    try:
        yield
    finally:
        setattr(providers, name, before)
        providers.CONSTANTS_CACHE.cache.clear()
