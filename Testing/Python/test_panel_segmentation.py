# SPDX-License-Identifier: Apache-2.0
"""The real panel, clicked: from the film to the result, cancel, crash, bad input, closing the scene."""

import os
import signal
from typing import Any

import numpy as np
import pytest
from scene_fixtures import add_film
from tasks_fixtures import MODEL, draw_film

pytest_plugins = ["scene_fixtures"]


@pytest.fixture
def panel(worker: Any, open_module: Any) -> Any:
    """The open panel, after which nothing may run on."""
    widget = open_module("SpineSegmentation")
    yield widget
    worker.cancel()
    worker.wait()


@pytest.fixture
def ready(panel: Any) -> Any:
    """The panel with a film and the tiny model chosen."""
    choose_film(panel, draw_film())
    return panel


def choose_film(panel: Any, picture: np.ndarray) -> Any:
    volume = add_film(picture)
    panel.ui.inputSelector.setCurrentNode(volume)
    panel.ui.modelCombo.setCurrentIndex(panel.ui.modelCombo.findData(MODEL))
    return volume


def run_to_the_end(panel: Any, host: Any) -> None:
    panel.ui.segmentButton.click()
    host.wait_until(lambda: not panel.isRunning, 120)


def test_without_a_film_the_button_says_what_is_missing(panel: Any) -> None:
    assert not panel.ui.segmentButton.enabled
    assert "Choose an input volume" in panel.ui.segmentButton.toolTip


def test_the_film_of_the_scene_is_chosen_on_entering(panel: Any, qt_host: Any) -> None:
    volume = add_film(draw_film())
    qt_host.selector.leave()
    qt_host.open_module("SpineSegmentation")
    assert panel.ui.inputSelector.currentNode() is volume
    assert panel.ui.segmentButton.enabled


def test_a_label_map_is_not_offered_as_a_film(panel: Any, scene: Any) -> None:
    scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    assert panel.ui.inputSelector.nodeCount() == 0


def test_the_panel_follows_what_a_script_chooses(ready: Any) -> None:
    other = add_film(draw_film())
    ready.logic.getParameterNode().SetNodeReferenceID("InputVolume", other.GetID())
    assert ready.ui.inputSelector.currentNode() is other


def test_the_model_shows_its_license_and_where_it_comes_from(ready: Any) -> None:
    assert "License: Apache-2.0" in ready.ui.modelDetails.text and "\n" not in ready.ui.modelDetails.text
    assert ready.ui.modelDetails.toolTip == "Learned from drawn bands."


def test_the_view_offers_automatic_first(panel: Any) -> None:
    assert panel.ui.viewCombo.itemText(0) == "Automatic"
    assert panel.ui.viewCombo.findData("ap") > 0


def test_one_click_gives_mask_table_and_disclaimer(ready: Any, qt_host: Any, scene: Any) -> None:
    run_to_the_end(ready, qt_host)
    ui = ready.ui
    node = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert ui.outputSelector.currentNode() is node is not None
    assert list(node.GetSegmentation().GetSegmentIDs()) == ["Spine"]
    names = [ui.resultTable.item(row, 0).text() for row in range(ui.resultTable.rowCount)]
    assert names[:2] == ["Spine", "Spine area"]
    assert not ui.resultsButton.collapsed
    assert ui.showButton.enabled and ui.editButton.enabled
    assert ui.disclaimerLabel.text == "For research use only. Not a medical device."
    assert "Segmenting the spine" in ui.logText.plainText
    assert not ui.progressArea.visible


def test_a_second_click_updates_the_same_node(ready: Any, qt_host: Any, scene: Any) -> None:
    run_to_the_end(ready, qt_host)
    run_to_the_end(ready, qt_host)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1


def test_a_removed_output_is_not_replaced_by_another_segmentation(ready: Any, scene: Any) -> None:
    kept, removed = (scene.AddNewNodeByClass("vtkMRMLSegmentationNode") for _ in range(2))
    ready.ui.outputSelector.setCurrentNode(removed)
    assert ready.parameters.outputSegmentation is removed
    scene.RemoveNode(removed)
    assert ready.parameters.outputSegmentation is None
    assert ready.ui.outputSelector.currentNode() is None
    ready.ui.outputSelector.setCurrentNode(kept)
    assert ready.parameters.outputSegmentation is kept


def test_choices_are_locked_and_cancel_is_offered_while_it_runs(ready: Any, qt_host: Any) -> None:
    ready.ui.segmentButton.click()
    assert not ready.ui.segmentButton.enabled and not ready.ui.inputsButton.enabled
    assert ready.ui.progressArea.visible and ready.ui.cancelButton.enabled
    qt_host.wait_until(lambda: not ready.isRunning, 120)


def test_cancel_in_the_middle_leaves_the_scene_as_it_was(panel: Any, qt_host: Any, scene: Any) -> None:
    choose_film(panel, draw_film(4000, 2000))
    panel.ui.segmentButton.click()
    qt_host.wait_until(lambda: panel.ui.progressBar.value > 0, 120)
    panel.ui.cancelButton.click()
    qt_host.wait_until(lambda: not panel.isRunning, 60)
    assert "cancelled" in panel.ui.statusLabel.text
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert panel.ui.segmentButton.enabled
    assert qt_host.user.seen == []


def test_a_crash_of_the_worker_is_told_once_and_the_next_click_works(ready: Any, qt_host: Any, worker: Any) -> None:
    run_to_the_end(ready, qt_host)
    ready.ui.segmentButton.click()
    os.kill(worker.childPid, signal.SIGKILL)
    qt_host.wait_until(lambda: not ready.isRunning, 60)
    assert [dialog.kind for dialog in qt_host.user.seen] == ["critical"]
    assert "ended unexpectedly" in qt_host.user.texts[0]
    run_to_the_end(ready, qt_host)
    assert ready.ui.statusLabel.text == "Done"


def test_a_constant_image_gives_one_message(panel: Any, qt_host: Any, scene: Any) -> None:
    choose_film(panel, np.full((300, 100), 9, np.int16))
    run_to_the_end(panel, qt_host)
    assert len(qt_host.user.seen) == 1
    assert panel.ui.statusLabel.text.replace(" ", "") == qt_host.user.texts[0].replace("\n", "").replace(" ", "")
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_no_spine_gives_a_warning_and_an_empty_segment(panel: Any, qt_host: Any) -> None:
    choose_film(panel, draw_film(course=lambda row: -1000))
    run_to_the_end(panel, qt_host)
    assert "No spine was found" in panel.ui.warningsLabel.text
    assert panel.ui.warningsLabel.visible
    assert panel.ui.resultTable.item(0, 1).text() == "not found"


def test_closing_the_scene_stops_the_work(ready: Any, qt_host: Any, scene: Any) -> None:
    ready.ui.segmentButton.click()
    scene.Clear(False)
    qt_host.wait_until(lambda: not ready.isRunning, 60)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert ready.ui.inputSelector.currentNode() is None
    assert not ready.ui.segmentButton.enabled


def test_show_fits_the_film_into_its_view(ready: Any, qt_host: Any) -> None:
    import slicer

    run_to_the_end(ready, qt_host)
    ready.ui.showButton.click()
    manager = qt_host.app.layoutManager()
    assert manager.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView
    shown = manager.sliceWidget("Red").sliceLogic().GetSliceCompositeNode().GetBackgroundVolumeID()
    assert shown == ready.ui.inputSelector.currentNodeID


def test_missing_packages_are_asked_for_and_no_means_no(
    ready: Any, qt_host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qt

    from SpineLib.scene import dependencies

    absent = dependencies.Package("no-such-distribution", "1.0", 12, "MIT")
    monkeypatch.setattr(dependencies, "PACKAGES", (*dependencies.PACKAGES, absent))
    qt_host.user.will_answer(qt.QMessageBox.Cancel)
    run_to_the_end(ready, qt_host)
    assert "no-such-distribution (about 12 MB, MIT)" in qt_host.user.texts[0]
    assert "nothing was installed" in ready.ui.statusLabel.text
