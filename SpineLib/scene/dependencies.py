# SPDX-License-Identifier: Apache-2.0
"""What the modules need: parts of Slicer, and the Python packages the worker needs and Slicer lacks: what is missing,
asking, installing.

PyTorch comes through the PyTorch extension only, which knows the right build for the machine; the small packages come
through Slicer's own installer, held to the versions of everything installed so that none of it is replaced.
"""

import importlib.metadata
import inspect
import platform
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import slicer

from SpineLib.core.errors import ResourceError

REQUESTER = "SpineSegmentation"
SLICER_MODULES = ("Segmentations", "SegmentEditor", "SubjectHierarchy", "Terminologies", "Volumes", "Markups")
"""Loaded before ours."""


class Package(NamedTuple):
    """One package: name, lowest version that works, size of the download in MB, license."""

    name: str
    minimum: str
    megabytes: int
    license: str

    @property
    def requirement(self) -> str:
        return f"{self.name}>={self.minimum}"


PACKAGES = (
    Package("torch", "2.8", 250, "BSD-3-Clause"),
    Package("monai", "1.5", 2, "Apache-2.0"),
    Package("safetensors", "0.4", 1, "Apache-2.0"),
    Package("slicerio", "1.1", 1, "MIT"),
)


def missing_packages() -> list[Package]:
    """Packages that are not installed or too old. Looks at their metadata and imports none of them."""
    return [package for package in PACKAGES if not _is_installed(package)]


def ensure_installed(ask: Callable[[str], bool]) -> None:
    """Install what is missing, after `ask(question)` has agreed.

    Raises ResourceError, with what to do, when the user declines or when it cannot be done.
    """
    missing = missing_packages()
    if not missing:
        return
    needs_torch = any(package.name == "torch" for package in missing)
    if needs_torch:
        _refuse_unsupported_machine()
        logic = _pytorch_logic()
    if not ask(question(missing)):
        raise ResourceError(
            f"The segmentation needs {_names(missing)}, and nothing was installed.",
            "Start again and agree, or install them yourself.",
        )
    if needs_torch:
        _install_torch(logic)
    _install_small([package for package in missing if package.name != "torch"])
    left = missing_packages()
    if left:
        raise ResourceError(
            f"{_names(left)} could not be installed.", "Look into the Python console for the reason, then try again."
        )


def question(missing: list[Package]) -> str:
    """What the user is asked before anything is downloaded: names, sizes, licenses, where it goes."""
    lines = [f"- {package.name} (about {package.megabytes} MB, {package.license})" for package in missing]
    total = sum(package.megabytes for package in missing)
    larger = "\nWith an NVIDIA GPU the PyTorch download can exceed 2 GB." if missing[0].name == "torch" else ""
    return (
        "Segmenting needs Python packages that Slicer does not bring:\n\n"
        + "\n".join(lines)
        + f"\n\nTogether about {total} MB are downloaded and installed into Slicer's own Python.{larger}\n"
        "This is done once and may take some minutes. Install them now?"
    )


def _names(packages: list[Package]) -> str:
    return ", ".join(package.name for package in packages)


def _is_installed(package: Package) -> bool:
    try:
        version = importlib.metadata.version(package.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return _numbers(version) >= _numbers(package.minimum)


def _numbers(version: str) -> tuple[int, ...]:
    release = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in release.group().split(".")) if release else ()


def _refuse_unsupported_machine() -> None:
    if platform.system() == "Darwin" and platform.machine() == "x86_64":
        raise ResourceError(
            "There is no PyTorch for this Mac: builds for Intel processors ended before Slicer's NumPy version.",
            "Use a Mac with Apple silicon, Windows or Linux.",
        )


def _pytorch_logic() -> Any:
    try:
        import PyTorchUtils
    except ImportError as error:
        raise ResourceError(
            "PyTorch is not installed, and the PyTorch extension that installs it is missing.",
            "Open the Extensions Manager, install the extension PyTorch, restart Slicer and try again.",
        ) from error
    return PyTorchUtils.PyTorchUtilsLogic()


def _install_torch(logic: Any) -> None:
    wanted = {
        "askConfirmation": False,
        "confirm": False,
        "torchVersionRequirement": ">=" + next(package.minimum for package in PACKAGES if package.name == "torch"),
    }
    known = inspect.signature(logic.installTorch).parameters
    try:
        logic.installTorch(**{name: value for name, value in wanted.items() if name in known})
    except Exception as error:
        raise ResourceError(
            f"PyTorch could not be installed: {error}",
            "Check the network connection, or install it in the module PyTorch Util, then restart Slicer.",
        ) from error


def _install_small(packages: list[Package]) -> None:
    if not packages:
        return
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(_pins(leave_out={package.name for package in packages})), encoding="utf-8")
        try:
            _pip([package.requirement for package in packages], constraints)
        except Exception as error:
            raise ResourceError(
                f"{_names(packages)} could not be installed: {error}",
                "Check the network connection (a proxy, a firewall) and try again.",
            ) from error


def _pins(leave_out: set[str]) -> Iterator[str]:
    pinned = set(leave_out)
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        # A local version such as 2.5.0+cpu can be pinned; a broken entry without a name cannot. Of two copies of a
        # package the first on the path is the one in use, and pip refuses two pins.
        if name and name.lower() not in pinned:
            pinned.add(name.lower())
            yield f"{name}=={distribution.version}"


def _pip(requirements: list[str], constraints: Path) -> None:
    try:
        from packaging.requirements import Requirement
        from slicer.packaging import pip_ensure
    except ImportError:
        slicer.util.pip_install([*requirements, "--constraint", str(constraints)])
        return
    wanted = {
        "constraints": constraints,
        "requester": REQUESTER,
        "prompt": False,
        "prompt_install": False,
    }
    known = inspect.signature(pip_ensure).parameters
    pip_ensure(
        [Requirement(text) for text in requirements],
        **{name: value for name, value in wanted.items() if name in known},
    )
