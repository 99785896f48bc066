# SPDX-License-Identifier: Apache-2.0
"""The test host loads, shows, clicks and reloads a scripted module as Slicer does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest_plugins = ["mrml_fixtures"]

EXAMPLE = Path(__file__).resolve().parents[1] / "Host" / "example"


@pytest.fixture
def example(open_module: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example's panel, open."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    return open_module("HostExample", EXAMPLE / "HostExample")


@pytest.fixture
def film(scene: Any) -> Any:
    import slicer

    return slicer.util.addVolumeFromArray(np.zeros((1, 40, 60), np.int16), name="Film")


def test_opening_a_module_sets_it_up_and_enters_it_once(example: Any) -> None:
    assert example.calls == ["setup", "enter"]


def test_leaving_exits_and_coming_back_enters_without_a_second_setup(example: Any, qt_host: Any) -> None:
    qt_host.selector.leave()
    assert qt_host.open_module("HostExample") is example
    assert example.calls == ["setup", "enter", "exit", "enter"]


def test_unloading_cleans_up(example: Any, qt_host: Any) -> None:
    import slicer

    qt_host.close_modules()
    assert example.calls[-2:] == ["exit", "cleanup"]
    assert not hasattr(slicer.modules, "hostexample")


def test_reloading_runs_the_new_code_in_the_same_page(example: Any) -> None:
    import slicer

    page = example.parent
    example.onReload()
    reloaded = slicer.util.getModuleWidget("HostExample")
    assert reloaded is not example and reloaded.parent is page
    assert example.calls[-1] == "cleanup"
    assert type(reloaded).__module__ in sys.modules and reloaded.calls == ["setup"]


def test_ui_file_connects_the_scene_and_offers_the_nodes(example: Any, film: Any) -> None:
    selector = example.ui.inputSelector
    assert selector.nodeCount() == 1 and selector.currentNode() is None
    selector.setCurrentNode(film)
    assert selector.currentNodeID == film.GetID()
    assert example.ui.sizeSlider.value == 10 and example.ui.sizeSlider.maximum == 50


def test_click_asks_and_paints_into_the_scene(example: Any, film: Any, qt_host: Any) -> None:
    import qt
    import slicer

    example.ui.inputSelector.setCurrentNode(film)
    example.ui.sizeSlider.value = 8
    qt_host.user.will_answer(qt.QMessageBox.Cancel, qt.QMessageBox.Ok)
    example.ui.paintButton.click()
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    example.ui.paintButton.click()
    segmentation = slicer.util.getNode("Square")
    assert slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "square", film).sum() == 64
    assert example.ui.statusLabel.text == "Square"
    assert qt_host.user.texts == ["Paint the square?", "Paint the square?"]


def test_error_message_reaches_the_user_without_an_answer_prepared(example: Any, qt_host: Any) -> None:
    example.ui.paintButton.click()
    (dialog,) = qt_host.user.seen
    assert (dialog.kind, dialog.text, dialog.buttons) == ("critical", "Choose a film first.", ("OK",))


def test_question_that_the_test_did_not_foresee_is_an_error(example: Any, film: Any, qt_host: Any) -> None:
    example.ui.inputSelector.setCurrentNode(film)
    example.ui.paintButton.click()
    (error,) = qt_host.errors
    assert "Paint the square?" in str(error)
    qt_host.errors.clear()


def test_scene_closing_reaches_the_module(example: Any, qt_host: Any) -> None:
    qt_host.scene.Clear(False)
    assert example.ui.statusLabel.text == "closed"


def test_console_reaches_logic_and_path_of_the_module(example: Any, film: Any) -> None:
    import slicer

    assert slicer.util.getModuleLogic("HostExample") is example.logic
    assert Path(slicer.util.modulePath("HostExample")) == EXAMPLE / "HostExample" / "HostExample.py"
    assert slicer.modules.HostExampleWidget is example
    assert slicer.modules.hostexample.title == "Host example"


def test_screenshot_of_the_panel_shows_readable_text(example: Any, tmp_path: Path) -> None:
    from PIL import Image

    picture = tmp_path / "panel.png"
    assert example.parent.grab().save(str(picture))
    pixels = np.asarray(Image.open(picture).convert("L"))
    label = example.ui.inputLabel
    corner = label.mapTo(example.parent, label.rect.topLeft())
    text = pixels[corner.y() : corner.y() + label.height, corner.x() : corner.x() + label.width]
    assert text.max() - text.min() > 100
    columns_with_ink = (text < text.max() - 100).any(axis=0).sum()
    assert columns_with_ink > 10


def test_segment_editor_takes_over_a_segmentation(scene: Any, film: Any, qt_host: Any) -> None:
    import slicer

    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    slicer.util.selectModule("SegmentEditor")
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setSegmentationNode(segmentation)
    editor.setSourceVolumeNode(film)
    assert qt_host.selector.selectedModule == "SegmentEditor"
    assert editor.segmentationNode() is segmentation and editor.sourceVolumeNode() is film


def test_sample_is_registered_and_loaded_from_its_file(scene: Any, tmp_path: Path) -> None:
    import SampleData
    import slicer
    from PIL import Image

    film = tmp_path / "film.png"
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(film)
    register = SampleData.SampleDataLogic.registerCustomSampleDataSource
    register("Spine", "Film", uris=film.as_uri(), fileNames="film.png", nodeNames="Sample", loadFileType="VolumeFile")
    (volume,) = SampleData.SampleDataLogic().downloadSamples("Film")
    assert volume is slicer.util.getNode("Sample")


def test_sample_that_slicer_would_refuse_is_refused(qt_host: Any) -> None:
    import SampleData

    register = SampleData.SampleDataLogic.registerCustomSampleDataSource
    with pytest.raises(TypeError):
        register("Spine", "Film", fileNames=["film.png"], nodeNames=["Film"], customDownloader=print)
    with pytest.raises(ValueError, match="same length"):
        register("Spine", "Film", uris=["file:///a", "file:///b"], fileNames=["a"], nodeNames=["a", "b"])
