# SPDX-License-Identifier: Apache-2.0
"""What every test may ask for."""

import os
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

# Widgets and views of the test host draw without a display; one thread per process keeps two cores busy, not fighting.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
os.environ.setdefault("OMP_NUM_THREADS", "1")
for name in ("", "Testing", "Testing/Host", "SpineSegmentation", "SpineFracture"):
    folder = REPOSITORY / name
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the source tree."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that may lie beside the source tree; where it is absent, tests that ask are skipped."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no real data at hand: ../shared/data is absent")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def user_models_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for imported models, so that no test sees or changes the user's own."""
    folder = tmp_path_factory.mktemp("models")
    monkeypatch.setenv("SPINE_MODELS", str(folder))
    return folder
