# SPDX-License-Identifier: Apache-2.0
"""The floors of the house, proven from the imports."""

import subprocess
import sys
from pathlib import Path

import pytest
from source_files import REPOSITORY, imports_of, python_files

MODULES = {"SpineSegmentation", "SpineFracture"}
FLOORS = (
    {"core"},
    {"io", "networks"},
    {"models", "inference"},
    {"labelling", "measurement", "reporting"},
    {"tasks"},
    {"batch", "worker"},
    {"cli"},
    {"scene"},
    MODULES,
)
RESEARCH = {"datasets", "training", "evaluation", "synthesis"}
HEAVY = {"torch", "monai", "nibabel", "slicerio"}
HEAVY_ALLOWED_IN = {"networks", "inference", "training"}
APPLICATION = {"slicer", "vtk", "qt", "ctk", "vtkmodules", "PythonQt"}
APPLICATION_ALLOWED_IN = {"scene", *MODULES}
LOADED_BY_SLICER = APPLICATION | {"numpy", "scipy", "SimpleITK"}
PRODUCT = python_files("SpineLib", *MODULES)


def room_of(path: Path) -> str:
    """core, io, ... for a file of SpineLib; the module's name for a file of a module; "" for SpineLib/__init__.py."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    if parts[0] != "SpineLib":
        return parts[0]
    return "" if parts[1] == "__init__" else parts[1]


def room_of_module(module: str) -> str | None:
    """The room an import leads to; None outside the project."""
    parts = module.split(".")
    if parts[0] == "SpineLib":
        inside = (REPOSITORY / "SpineLib").glob(f"{parts[1]}*") if len(parts) > 1 else ()
        return parts[1] if any(path.stem == parts[1] for path in inside) else ""
    return parts[0] if parts[0] in MODULES else None


def floor_of(room: str) -> int:
    return next((level for level, rooms in enumerate(FLOORS) if room in rooms), -1)


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(REPOSITORY).as_posix()}:{line}"


def test_every_room_has_its_floor() -> None:
    known = set().union(*FLOORS, RESEARCH, {""})
    assert {room_of(path) for path in PRODUCT} <= known


def test_imports_point_downward_only() -> None:
    upward = []
    for path in PRODUCT:
        room = room_of(path)
        if room in RESEARCH or room == "":
            continue
        for module, line, _ in imports_of(path):
            target = room_of_module(module)
            if target in (None, "", room) or target in RESEARCH:
                continue
            if floor_of(target) >= floor_of(room):
                upward.append(f"{where(path, line)} imports {module}")
    assert upward == []


def test_research_rooms_stand_on_the_lower_floors() -> None:
    too_high = floor_of("tasks")
    upward = [
        f"{where(path, line)} imports {module}"
        for path in PRODUCT
        if room_of(path) in RESEARCH
        for module, line, _ in imports_of(path)
        if (target := room_of_module(module)) not in (None, "", *RESEARCH) and floor_of(target) > too_high
    ]
    assert upward == []


def test_only_the_command_line_calls_the_research_rooms_and_only_when_asked() -> None:
    wrong = [
        f"{where(path, line)} imports {module}"
        for path in PRODUCT
        if room_of(path) not in RESEARCH
        for module, line, at_file_scope in imports_of(path)
        if room_of_module(module) in RESEARCH and (room_of(path) != "cli" or at_file_scope)
    ]
    assert wrong == []


def test_only_the_scene_and_the_modules_know_slicer() -> None:
    wrong = [
        f"{where(path, line)} imports {module}"
        for path in PRODUCT
        if room_of(path) not in APPLICATION_ALLOWED_IN
        for module, line, _ in imports_of(path)
        if module.split(".")[0] in APPLICATION
    ]
    assert wrong == []


def test_heavy_packages_are_imported_at_file_scope_only_where_networks_run() -> None:
    wrong = [
        f"{where(path, line)} imports {module}"
        for path in PRODUCT
        if room_of(path) not in HEAVY_ALLOWED_IN
        for module, line, at_file_scope in imports_of(path)
        if at_file_scope and module.split(".")[0] in HEAVY
    ]
    assert wrong == []


def file_of_module(module: str) -> Path | None:
    """The source file behind a dotted name of the project; a name inside a module leads to the module."""
    parts = module.split(".")
    while parts:
        for candidate in (Path(*parts).with_suffix(".py"), Path(*parts, "__init__.py")):
            for root in (REPOSITORY, *(REPOSITORY / module for module in MODULES)):
                if (root / candidate).is_file():
                    return root / candidate
        parts.pop()
    return None


def files_loaded_with(start: tuple[Path, ...]) -> set[Path]:
    """Files of the project that are loaded as soon as the given ones are, packages' __init__.py included."""
    loaded: set[Path] = set()
    waiting = list(start)
    while waiting:
        path = waiting.pop()
        if path in loaded:
            continue
        loaded.add(path)
        waiting += [folder / "__init__.py" for folder in path.parents if (folder / "__init__.py").is_file()]
        targets = (file_of_module(module) for module, _, at_file_scope in imports_of(path) if at_file_scope)
        waiting += [target for target in targets if target is not None]
    return loaded


def test_slicer_itself_loads_only_what_it_ships() -> None:
    foreign = []
    for path in sorted(files_loaded_with(python_files("SpineLib/scene", *MODULES))):
        for module, line, at_file_scope in imports_of(path):
            top = module.split(".")[0]
            own = file_of_module(module) is not None
            if at_file_scope and not own and top not in LOADED_BY_SLICER and top not in sys.stdlib_module_names:
                foreign.append(f"{where(path, line)} imports {module}")
    assert foreign == []


@pytest.mark.parametrize("module", ["SpineLib", "SpineLib.cli", "SpineLib.worker", "SpineLib.models.catalogue"])
def test_starting_is_light(module: str) -> None:
    program = f"import sys, {module}; print(sorted({HEAVY!r} & set(sys.modules)))"
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert finished.stderr == ""
    assert finished.stdout.strip() == "[]"
