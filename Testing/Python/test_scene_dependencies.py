# SPDX-License-Identifier: Apache-2.0
"""What is missing is found by its metadata, asked for, and installed only by the ways Slicer offers."""

import importlib.metadata
import platform
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from SpineLib.core.errors import ResourceError

pytest_plugins = ["mrml_fixtures"]


@pytest.fixture
def dependencies(qt_host: Any) -> Any:
    from SpineLib.scene import dependencies as module

    return module


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A Python in which torch is not installed; returns the packages that are, which a test may change."""
    real = importlib.metadata.version
    extra: dict[str, str] = {}

    def version(name: str) -> str:
        if name in extra:
            return extra[name]
        if name == "torch":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    return extra


@pytest.fixture
def pytorch_extension(monkeypatch: pytest.MonkeyPatch, without_torch: dict[str, str]) -> list[dict[str, Any]]:
    """The PyTorch extension as Slicer's extension manager would have put it there; returns its calls."""
    calls: list[dict[str, Any]] = []

    class Logic:
        def installTorch(self, askConfirmation: bool = True, torchVersionRequirement: str = "") -> None:
            calls.append({"askConfirmation": askConfirmation, "torchVersionRequirement": torchVersionRequirement})
            without_torch["torch"] = "2.8.0"

    monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=Logic))
    return calls


def never(question: str) -> bool:
    raise AssertionError(f"nobody should be asked: {question}")


def test_nothing_is_asked_where_nothing_is_missing(dependencies: Any) -> None:
    dependencies.ensure_installed(never)


def test_torch_is_not_imported_by_looking_for_it(dependencies: Any, without_torch: dict[str, str]) -> None:
    without_torch["torch"] = "2.8.0+cpu"
    before = set(sys.modules)
    assert dependencies.missing_packages() == []
    assert "torch" not in set(sys.modules) - before


def test_a_version_that_is_too_old_counts_as_missing(dependencies: Any, without_torch: dict[str, str]) -> None:
    without_torch["torch"] = "1.13.1"
    assert [package.name for package in dependencies.missing_packages()] == ["torch"]


def test_the_question_names_size_and_license(dependencies: Any, pytorch_extension: list[dict[str, Any]]) -> None:
    questions: list[str] = []
    with pytest.raises(ResourceError, match="nothing was installed"):
        dependencies.ensure_installed(lambda question: bool(questions.append(question)))
    assert "torch (about 250 MB, BSD-3-Clause)" in questions[0]
    assert pytorch_extension == []


def test_torch_comes_through_the_pytorch_extension(dependencies: Any, pytorch_extension: list[dict[str, Any]]) -> None:
    dependencies.ensure_installed(lambda question: True)
    assert pytorch_extension == [{"askConfirmation": False, "torchVersionRequirement": ">=2.8"}]


def test_a_missing_extension_is_named_before_anything_is_asked(
    dependencies: Any, without_torch: dict[str, str]
) -> None:
    with pytest.raises(ResourceError, match="Extensions Manager"):
        dependencies.ensure_installed(never)


def test_an_intel_mac_is_told_early(
    dependencies: Any, pytorch_extension: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(ResourceError, match="no PyTorch for this Mac"):
        dependencies.ensure_installed(never)


def test_a_failed_installation_gives_its_reason(
    dependencies: Any, pytorch_extension: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any, askConfirmation: bool = True) -> None:
        raise RuntimeError("no route to host")

    monkeypatch.setattr(sys.modules["PyTorchUtils"].PyTorchUtilsLogic, "installTorch", fail)
    with pytest.raises(ResourceError, match="no route to host"):
        dependencies.ensure_installed(lambda question: True)


def test_small_packages_are_held_to_what_is_installed(dependencies: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import slicer

    commands: list[list[str]] = []
    constraints: list[str] = []

    def pip_install(arguments: list[str]) -> None:
        commands.append(arguments)
        constraints.extend(open(arguments[-1], encoding="utf-8").read().splitlines())  # noqa: PTH123, SIM115

    monkeypatch.setattr(slicer.util, "pip_install", pip_install)
    absent = dependencies.Package("no-such-distribution", "1.0", 12, "MIT")
    monkeypatch.setattr(dependencies, "PACKAGES", (absent,))
    with pytest.raises(ResourceError, match="no-such-distribution could not be installed"):
        dependencies.ensure_installed(lambda question: True)
    assert commands[0][:2] == ["no-such-distribution>=1.0", "--constraint"]
    assert f"numpy=={importlib.metadata.version('numpy')}" in constraints


def test_of_two_copies_of_a_package_the_one_in_use_is_pinned(
    dependencies: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("first", "second"):
        entry = tmp_path / place / "twice-1.0.dist-info"
        entry.mkdir(parents=True)
        (entry / "METADATA").write_text(f"Name: twice\nVersion: 1.{place == 'second':d}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path / place))
    assert [pin for pin in dependencies._pins(leave_out=set()) if pin.startswith("twice")] == ["twice==1.1"]
