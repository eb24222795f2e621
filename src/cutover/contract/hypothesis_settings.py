"""Settings that make Hypothesis generate the same inputs in every run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants


@contextlib.contextmanager
def without_local_constants() -> Iterator[None]:
    """Disable constants from loaded modules, which Hypothesis uses as inputs, because they depend on the process."""
    name = "_get_local_constants"
    before = getattr(providers, name)
    providers.CONSTANTS_CACHE.cache.clear()
    setattr(providers, name, Constants)
    try:
        yield
    finally:
        setattr(providers, name, before)
        providers.CONSTANTS_CACHE.cache.clear()
