# SPDX-License-Identifier: Apache-2.0
"""pytest fixtures for tests that need MRML, views or panels; registered with `pytest_plugins = ["mrml_fixtures"]`.

The host is one for the whole pytest process; each test gets an empty scene.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "Testing" / "Host"))


@pytest.fixture(scope="session")
def _running_host() -> Any:
    pytest.importorskip("slicer", reason="needs slicer-core")
    pytest.importorskip("PySide6", reason="needs PySide6-Essentials")
    import slicer_host

    return slicer_host.start()


@pytest.fixture
def qt_host(_running_host: Any) -> Iterator[Any]:
    """The host (`slicer_host.Host`) with an empty scene and no module loaded.

    After the test: an exception in a slot, or an answer that no dialog asked for, fails it. A test that expects an
    exception in a slot takes it from `qt_host.errors`.
    """
    _running_host.clear()
    yield _running_host
    errors, answers_left = list(_running_host.errors), _running_host.user.answers_left
    _running_host.close_modules()
    _running_host.clear()
    assert not errors, f"exceptions in slots: {errors}"
    assert not answers_left, "the user was to answer a dialog that never came"


@pytest.fixture
def scene(qt_host: Any) -> Any:
    """The MRML scene, empty; the same as `slicer.mrmlScene`."""
    return qt_host.scene


@pytest.fixture
def slice_view(qt_host: Any) -> Any:
    """The Red slice view: `show(volume)`, then `picture()` (rows x columns x 3) or `save(path)`."""
    return qt_host.app.layoutManager().slice_views["Red"]


@pytest.fixture
def three_d_view(qt_host: Any) -> Any:
    """The 3D view: `fit()`, then `picture()` (rows x columns x 3) or `save(path)`."""
    return qt_host.app.layoutManager().three_d_view


@pytest.fixture
def open_module(qt_host: Any) -> Callable[..., Any]:
    """`open_module(name, folder=None)` loads a module (default folder: the repository's) and returns its widget."""

    def open_by_name(name: str, folder: Path | None = None) -> Any:
        qt_host.load_modules(folder or REPOSITORY / name)
        return qt_host.open_module(name)

    return open_by_name
