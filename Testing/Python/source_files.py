# SPDX-License-Identifier: Apache-2.0
"""The project's own files, and what its Python files import, for the tests that look at the source."""

import ast
import functools
import subprocess
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
TEXT_SUFFIXES = {".py", ".md", ".txt", ".toml", ".json", ".cff", ".lock", ".ui", ".cmake", ".yaml", ".yml", ".csv", ""}


@functools.cache
def project_files() -> tuple[Path, ...]:
    """Every file of the project: tracked by git or about to be; without git, whatever lies in the folders."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name]
    else:
        names = [
            path.relative_to(REPOSITORY).as_posix()
            for path in REPOSITORY.rglob("*")
            if not {".git", ".venv", "__pycache__", "build", "demo-output"}.intersection(path.parts)
        ]
    return tuple(path for path in (REPOSITORY / name for name in sorted(names)) if path.is_file())


def python_files(*folders: str) -> tuple[Path, ...]:
    """The project's Python files below the named folders (all without any)."""
    roots = [REPOSITORY / folder for folder in folders] or [REPOSITORY]
    return tuple(
        path for path in project_files() if path.suffix == ".py" and any(path.is_relative_to(root) for root in roots)
    )


def text_files() -> tuple[Path, ...]:
    """The project's files that people read."""
    return tuple(path for path in project_files() if path.suffix in TEXT_SUFFIXES)


class Import(NamedTuple):
    """One import: the dotted module, the line, and whether it runs when the file is imported."""

    module: str
    line: int
    at_file_scope: bool


@functools.cache
def imports_of(path: Path) -> tuple[Import, ...]:
    """What `path` imports. Names under `if TYPE_CHECKING:` are left out: they are never imported."""
    collector = _Imports(path)
    collector.visit(ast.parse(path.read_text(encoding="utf-8")))
    return tuple(collector.found)


class _Imports(ast.NodeVisitor):
    def __init__(self, path: Path) -> None:
        self.path = path
        self.depth = 0
        self.found: list[Import] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._inside(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._inside(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._inside(node)

    def visit_If(self, node: ast.If) -> None:
        names = {part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)}
        names |= {part.attr for part in ast.walk(node.test) if isinstance(part, ast.Attribute)}
        for child in node.orelse if "TYPE_CHECKING" in names else [*node.body, *node.orelse]:
            self.visit(child)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            package = self.path.relative_to(REPOSITORY).parent.parts
            module = ".".join([*package[: len(package) - node.level + 1], *([module] if module else [])])
        for alias in node.names:
            self._add(f"{module}.{alias.name}", node.lineno)

    def _inside(self, node: ast.AST) -> None:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    def _add(self, module: str, line: int) -> None:
        self.found.append(Import(module, line, self.depth == 0))
