# SPDX-License-Identifier: Apache-2.0
"""The module's logic, as a script in Slicer's Python console uses it, with the real worker process."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from scene_fixtures import ORIENTATIONS, add_film
from tasks_fixtures import MODEL, band, draw_film, save_png

from SpineLib.core.errors import Cancelled, InputError, ModelError, ResourceError, SpineError

pytest_plugins = ["scene_fixtures"]


@pytest.fixture
def logic(worker: Any) -> Any:
    import SpineSegmentation

    return SpineSegmentation.SpineSegmentationLogic()


def temporary_folders() -> list[Path]:
    import slicer

    return list(Path(slicer.app.temporaryPath).glob("spine-*"))


def dice(node: Any, volume: Any) -> float:
    import slicer

    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, "Spine", volume)[0] != 0
    return 2 * (mask & band()).sum() / (mask.sum() + band().sum())


@pytest.mark.parametrize("orientation", ["flat", "left-handed and oblique"])
def test_segment_returns_a_node_with_the_spine_on_the_film(logic: Any, orientation: str) -> None:
    volume = add_film(draw_film(), ORIENTATIONS[orientation])
    node = logic.segment(volume, model=MODEL)
    assert node.GetClassName() == "vtkMRMLSegmentationNode"
    assert dice(node, volume) > 0.9
    assert temporary_folders() == []


def test_the_worker_stays_warm_and_the_same_node_is_updated(logic: Any, scene: Any) -> None:
    volume = add_film(draw_film())
    node = logic.segment(volume, model=MODEL)
    process = logic.client.childPid
    assert logic.segment(volume, node, model=MODEL) is node
    assert logic.client.childPid == process is not None
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"task": "knee"}, InputError, "no task called"),
        ({"model": "no-such-model"}, ModelError, "no model called"),
        ({"device": "toaster"}, InputError, "device is 'toaster'"),
    ],
)
def test_wrong_options_are_told_in_one_sentence(logic: Any, options: dict[str, str], error: type, words: str) -> None:
    with pytest.raises(error, match=words) as raised:
        logic.segment(add_film(draw_film()), **options)
    assert raised.value.hint
    assert temporary_folders() == []


@pytest.mark.parametrize(
    ("picture", "words"),
    [(np.full((60, 40), 7, np.int16), "the same value"), (np.zeros((1, 1), np.int16), "1 x 1 pixels")],
)
def test_an_unusable_film_is_refused_and_the_scene_stays(
    logic: Any, scene: Any, picture: np.ndarray, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        logic.segment(add_film(picture), model=MODEL)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_a_missing_volume_is_refused(logic: Any) -> None:
    with pytest.raises(InputError, match="input volume is empty"):
        logic.segment(None)


def test_a_second_start_while_one_runs_is_refused(logic: Any) -> None:
    volume, errors = add_film(draw_film()), []
    logic.startSegment(volume, model=MODEL, onError=errors.append)
    with pytest.raises(InputError, match="already running"):
        logic.startSegment(volume, model=MODEL)
    logic.client.wait()
    assert errors == []


def test_cancelling_ends_with_cancelled_and_nothing_in_the_scene(logic: Any, scene: Any) -> None:
    errors: list[SpineError] = []
    logic.startSegment(add_film(draw_film(3000, 1500)), model=MODEL, onError=errors.append)
    logic.cancel()
    logic.client.wait()
    assert [type(error) for error in errors] == [Cancelled]
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert temporary_folders() == []


def test_a_killed_worker_gives_one_error_and_the_next_run_works(logic: Any) -> None:
    volume, errors = add_film(draw_film()), []
    logic.segment(volume, model=MODEL)
    killed = logic.client.childPid
    logic.startSegment(volume, model=MODEL, onError=errors.append)
    os.kill(killed, signal.SIGKILL)
    logic.client.wait()
    assert [type(error) for error in errors] == [ResourceError]
    assert "ended unexpectedly" in errors[0].sentence
    assert temporary_folders() == []
    assert dice(logic.segment(volume, model=MODEL), volume) > 0.9
    assert logic.client.childPid != killed


def test_a_frozen_worker_is_ended_with_its_whole_tree(logic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from SpineLib.scene import worker_client

    monkeypatch.setattr(worker_client, "CANCEL_PATIENCE_S", 0.2)
    volume, errors = add_film(draw_film()), []
    logic.segment(volume, model=MODEL)
    frozen = logic.client.childPid
    os.kill(frozen, signal.SIGSTOP)
    logic.startSegment(volume, model=MODEL, onError=errors.append)
    logic.cancel()
    logic.client.wait()
    assert [type(error) for error in errors] == [Cancelled]
    assert has_ended(frozen)


def test_shutting_down_ends_the_worker(logic: Any, qt_host: Any) -> None:
    logic.segment(add_film(draw_film()), model=MODEL)
    process = logic.client.childPid
    logic.client.shutdown()
    assert has_ended(process)


def test_the_tree_is_ended_without_psutil_too(logic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    logic.segment(add_film(draw_film()), model=MODEL)
    process = logic.client.childPid
    os.kill(process, signal.SIGSTOP)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "psutil", None)
        logic.client.shutdown()
    assert has_ended(process)


def test_a_volume_removed_during_the_work_is_told(logic: Any, scene: Any) -> None:
    volume, errors = add_film(draw_film()), []
    logic.startSegment(volume, model=MODEL, onError=errors.append)
    scene.RemoveNode(volume)
    logic.client.wait()
    assert "removed from the scene" in errors[0].sentence
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_progress_rises_to_the_end(logic: Any) -> None:
    fractions: list[float] = []
    logic.startSegment(add_film(draw_film()), model=MODEL, onProgress=lambda share, message: fractions.append(share))
    logic.client.wait()
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


def has_ended(process: int) -> bool:
    for _ in range(100):
        if not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_a_folder_is_segmented_film_by_film(logic: Any, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    save_png(films / "one.png", draw_film())
    output = logic.segmentFolder(films, tmp_path / "out", task="ap", resume=True)
    assert output == tmp_path / "out"
    assert (output / "one.seg.nrrd").is_file() and (output / "one.json").is_file()


def test_a_missing_folder_is_told(logic: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        logic.segmentFolder(tmp_path / "nowhere", tmp_path / "out")
