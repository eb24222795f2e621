"""Fixtures for tests that start real pairs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from cutover.embedded import folders, packages, pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cutover.embedded.pair import PairHandle
    from cutover.embedded.state import PairState


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the reference folder with small planted faults, one or more for each system."""
    there = packages.reference()
    copied = tmp_path_factory.mktemp("checkout") / "reference"
    shutil.copytree(there / "legacy", copied / "legacy", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(there / "worker", copied / "worker", ignore=shutil.ignore_patterns("node_modules"))
    (copied / "worker" / "node_modules").symlink_to(there / "worker" / "node_modules")
    for folder in ("faults/worker", "faults/legacy", "variants/worker"):
        (copied / folder).mkdir(parents=True)
    (copied / "faults/worker/marked.mjs").write_text(
        "import honest from '../../worker/src/index.mjs';\n"
        "export default { ...honest, async fetch(request, env, context) {\n"
        "  const answer = await honest.fetch(request, env, context);\n"
        "  const copy = new Response(answer.body, answer);\n"
        "  if (env.FAULT === 'planted') copy.headers.set('X-Planted', 'yes');\n"
        "  return copy;\n"
        "} };\n"
    )
    (copied / "variants/worker/teapot.mjs").write_text(
        "export default { fetch: (request, env) => new Response(String(env.FAULT), { status: 418 }) };"
    )
    (copied / "faults/legacy/marked.py").write_text(
        "import os\n"
        "from config.wsgi import application as honest\n"
        "def application(environ, start_response):\n"
        "    def start(status, headers, exc_info=None):\n"
        "        extra = [('X-Planted', 'yes')] if os.environ['FAULT'] == 'planted' else []\n"
        "        return start_response(status, headers + extra, exc_info)\n"
        "    return honest(environ, start)\n"
    )
    (copied / "faults/legacy/broken.py").write_text(
        "from config.wsgi import application\nraise RuntimeError('this fault cannot be imported')\n"
    )
    return copied


@pytest.fixture
def pair_factory(reference: Path) -> Iterator[Callable[..., PairHandle]]:
    """Yield a function that starts a pair (`pair_factory(**options)`), and stop all of them after the test."""
    handles: list[PairHandle] = []

    def start(name: str | None = None, *, owned: bool = True, **options: object) -> PairHandle:
        wanted = pair.PairOptions(**{"reference_dir": reference, **options})  # type: ignore[arg-type]
        handle = pair.start(name or pair.anonymous_name(), owned=owned, options=wanted)
        handles.append(handle)
        return handle

    yield start
    for handle in handles:
        handle.stop()
        assert not folders.pair_folder(handle.name).exists()


@pytest.fixture(scope="module")
def running_pair(reference: Path) -> Iterator[PairState]:
    """Yield a pair for the tests of a module that leave it as it was."""
    handle = pair.start(pair.anonymous_name(), owned=True, options=pair.PairOptions(reference_dir=reference))
    yield handle.wait()
    handle.stop()
