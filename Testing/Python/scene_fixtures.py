# SPDX-License-Identifier: Apache-2.0
"""Volume nodes in every orientation, results to show, and a warm worker with the tiny model."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tasks_fixtures import tiny_shelf

pytest_plugins = ["mrml_fixtures", "tasks_fixtures"]


def rotation(degrees: float, axis: str) -> np.ndarray:
    """4x4 rotation about the R, A or S axis."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = {"R": (1, 2), "A": (2, 0), "S": (0, 1)}[axis]
    matrix = np.eye(4)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


def placed(matrix: np.ndarray, origin: tuple[float, float, float] = (10.0, -20.0, 30.0)) -> np.ndarray:
    moved = matrix.copy()
    moved[:3, 3] = origin
    return moved


SPACED = np.diag([0.5, 0.25, 2.0, 1.0])
ORIENTATIONS = {
    "flat": placed(np.diag([-0.5, -0.25, 2.0, 1.0])),
    "coronal": placed(rotation(-90, "R") @ SPACED),
    "sagittal": placed(rotation(90, "S") @ rotation(-90, "R") @ SPACED),
    "oblique": placed(rotation(25, "S") @ rotation(-60, "R") @ SPACED),
    "flipped": placed(np.diag([0.5, -0.25, 2.0, 1.0])),
    "left-handed and oblique": placed(rotation(15, "A") @ np.diag([-0.5, 0.25, 2.0, 1.0])),
}


def add_film(picture: np.ndarray, affine: np.ndarray = ORIENTATIONS["flat"], name: str = "Film") -> Any:
    """A one-slice volume node; `picture` is (rows, columns), or (rows, columns, channels) for a color picture."""
    import slicer

    kind = "vtkMRMLVectorVolumeNode" if picture.ndim == 3 else "vtkMRMLScalarVolumeNode"
    return slicer.util.addVolumeFromArray(picture[None], affine, name, kind)


@pytest.fixture
def worker(qt_host: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The shared client; its worker knows the tiny model and stays warm from test to test."""
    from SpineLib.scene.worker_client import shared_client

    monkeypatch.setenv("SPINE_MODELS", str(tiny_shelf()))
    return shared_client()


@pytest.fixture(scope="session", autouse=True)
def _end_worker() -> Iterator[None]:
    yield
    import sys

    if "SpineLib.scene.worker_client" in sys.modules:
        sys.modules["SpineLib.scene.worker_client"].shared_client().shutdown()
