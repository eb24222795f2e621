"""The rules of docs/architecture.md for packages: imports go one way, no cycles, small modules, distinct names."""

import ast
import collections
from pathlib import Path

import pytest

from cutover.config.validation import root

pytestmark = pytest.mark.unit

SOURCE = root() / "src" / "cutover"

# From top to bottom. A package imports only from layers below its own; packages of one layer do not import each other.
LAYERS = (
    {"cli", "locust_plugin", "pytest_plugin"},
    {"contract", "load", "migration", "parity", "preflight", "setup"},
    {"run"},
    {"traffic"},
    {"stats"},
    {"accounts"},
    {"systems"},
    {"client", "stores"},
    {"config"},
    {"corpus", "embedded", "report"},
    {"core"},
)
RANK = {package: rank for rank, layer in enumerate(LAYERS) for package in layer}
ALLOWED_BESIDE = {
    ("cli", "pytest_plugin"): "`cutover manifest` collects the checks with pytest",
    ("stores", "client"): "D1 and R2 of an environment are read by the one HTTP client",
}
MODULE_LINES = 400

SAME_ROLE = {
    "__init__": "every package",
    "__main__": "every program",
    "assembly": "builds a run of its feature from an environment",
    "command": "the command of its feature",
    "explore": "the explore command of its feature",
    "findings": "the findings of its feature",
    "report_files": "writes the report files of its feature",
    "totals": "the totals of a run of its feature",
}
"""Module names that several packages share because the modules play the same role in each."""


def modules() -> dict[str, Path]:
    """Return every module of src/cutover by its dotted name."""
    return {
        ".".join(("cutover", *file.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): file
        for file in sorted(SOURCE.rglob("*.py"))
    }


def imports_of(file: Path, known: dict[str, Path], *, at_load: bool = False) -> set[str]:
    """Return the modules of cutover that a file imports. at_load: only those that are imported with the file."""
    found: set[str] = set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in _nodes(tree) if at_load else ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "cutover":
            assert node.module is not None
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "cutover"}
    return found


def _nodes(tree: ast.Module) -> list[ast.AST]:
    """Return the statements that run when the module is imported, without those for type checkers."""
    pending: list[ast.AST] = list(tree.body)
    found: list[ast.AST] = []
    while pending:
        node = pending.pop()
        found.append(node)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            pending += node.body
    return found


def package_of(module: str) -> str | None:
    """Return the package of a module, None for cutover itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def test_every_package_has_a_layer() -> None:
    """Each folder of src/cutover is in LAYERS, and each name in LAYERS is a folder."""
    folders = {folder.name for folder in SOURCE.iterdir() if (folder / "__init__.py").is_file()}
    assert folders == set(RANK)
    loose = {file.name for file in SOURCE.glob("*.py")}
    assert loose == {"__init__.py"}


def test_imports_go_one_way() -> None:
    """No package imports from its own layer or from one above: no back edges, no feature imports another."""
    known = modules()
    wrong = []
    for module, file in known.items():
        importer = package_of(module)
        for imported in sorted(imports_of(file, known)):
            package = package_of(imported)
            if importer is None or package is None or importer == package or (importer, package) in ALLOWED_BESIDE:
                continue
            if RANK[package] <= RANK[importer]:
                wrong.append(f"{module} imports {imported}")
    assert wrong == []


def test_exceptions_of_the_layers_are_used() -> None:
    """Each pair in ALLOWED_BESIDE still exists, and both are in one layer or below."""
    known = modules()
    used = {
        (package_of(module), package_of(imported))
        for module, file in known.items()
        for imported in imports_of(file, known)
    }
    assert set(ALLOWED_BESIDE) <= used


def test_modules_import_in_no_cycle() -> None:
    """No module imports itself over others while it is loaded."""
    known = modules()
    edges = {
        module: {name for name in imports_of(file, known, at_load=True) if name in known}
        for module, file in known.items()
    }
    finished: set[str] = set()
    path: list[str] = []

    def visit(module: str) -> None:
        assert module not in path, " → ".join([*path[path.index(module) :], module])
        if module in finished:
            return
        path.append(module)
        for imported in sorted(edges[module] - {module}):
            visit(imported)
        finished.add(path.pop())

    for module in edges:
        visit(module)


def test_no_module_is_over_400_lines() -> None:
    """A longer module has more than one responsibility."""
    lengths = {name: len(file.read_text(encoding="utf-8").splitlines()) for name, file in modules().items()}
    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES} == {}


def test_module_names_are_unique() -> None:
    """Two modules have the same name only if they play the same role in their packages."""
    places = collections.defaultdict(list)
    for file in modules().values():
        places[file.stem].append(str(file.relative_to(SOURCE)))
    shared = {name: found for name, found in places.items() if len(found) > 1 and name not in SAME_ROLE}
    assert shared == {}
    assert {name for name in SAME_ROLE if len(places[name]) < 2} == set()


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "manager", "misc"])
def test_no_module_has_an_empty_name(word: str) -> None:
    """A module is named after its content (CONTRIBUTING.md, Rules)."""
    assert [str(file) for file in SOURCE.rglob(f"*{word}*.py")] == []
