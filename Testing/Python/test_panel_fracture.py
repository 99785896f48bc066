# SPDX-License-Identifier: Apache-2.0
"""The fracture panel, clicked: choices, the table of vertebrae, jumping, files, and the real worker on a small CT."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scan_fixtures import BROKEN, UNSURE_OF, add_scan, add_vertebrae, true_result, upright_case
from scene_fixtures import add_film

from SpineLib.core.errors import Cancelled, InputError, SpineError
from SpineLib.models import catalogue
from SpineLib.tasks.given_vertebrae import GIVEN

pytest_plugins = ["scene_fixtures"]
LEVEL, PROBABILITY, GRADE, LOSS = 0, 1, 2, 6
needs_models = pytest.mark.skipif(
    not {"ct", "ct_localizer", "fracture"} <= {entry.task for entry in catalogue.read(catalogue.SHIPPED)},
    reason="needs the CT models",
)


@pytest.fixture
def panel(open_module: Any) -> Any:
    """The open panel; no worker runs."""
    return open_module("SpineFracture")


@pytest.fixture
def working(worker: Any, panel: Any) -> Any:
    """The panel with a worker, after which nothing may run on."""
    yield panel
    worker.cancel()
    worker.wait()


@pytest.fixture
def filled(panel: Any) -> Any:
    """The panel at the end of a run that has found the truth."""
    from SpineLib.scene.show import show_result

    volume = add_scan()
    panel.ui.inputSelector.setCurrentNode(volume)
    panel.onFinished(show_result(true_result(), volume), true_result())
    return panel


def cells(panel: Any, column: int) -> list[str]:
    table = panel.ui.resultTable
    return [table.item(row, column).text() for row in range(table.rowCount)]


def slice_places(host: Any) -> list[float]:
    """Where the axial, coronal and sagittal views cut: S, A, R."""
    manager = host.app.layoutManager()
    views = (("Red", 2), ("Green", 1), ("Yellow", 0))
    return [manager.sliceWidget(name).mrmlSliceNode().GetSliceToRAS().GetElement(axis, 3) for name, axis in views]


def test_without_a_scan_the_button_says_what_is_missing(panel: Any) -> None:
    ui = panel.ui
    assert not ui.segmentButton.enabled and not ui.csvButton.enabled and not ui.reportButton.enabled
    assert "Choose an input volume: a CT" in ui.segmentButton.toolTip
    assert not ui.problemLabel.visible


def test_the_disclaimer_stands_in_the_panel_once(panel: Any) -> None:
    import qt

    texts = [label.text for label in panel.parent.findChildren(qt.QLabel)]
    assert [text for text in texts if "medical device" in text] == ["For research use only. Not a medical device."]


def test_a_film_is_told_and_not_chosen_by_itself(panel: Any, qt_host: Any) -> None:
    film, scan = add_film(np.zeros((30, 20), np.int16)), add_scan()
    panel.enter()
    assert panel.ui.inputSelector.currentNode() is scan
    assert panel.ui.segmentButton.enabled
    panel.ui.inputSelector.setCurrentNode(film)
    assert not panel.ui.segmentButton.enabled
    assert panel.ui.problemLabel.text == "Film is a film (a single slice). Choose a CT with all its slices."


def test_the_console_refuses_films_and_nothing(panel: Any) -> None:
    with pytest.raises(InputError, match="Film is a film"):
        panel.logic.segmentFractures(add_film(np.zeros((30, 20), np.int16)))
    with pytest.raises(InputError, match="input volume is empty"):
        panel.logic.segmentFractures(None)


def test_the_console_refuses_nodes_of_another_kind(panel: Any) -> None:
    scan, vertebrae = add_scan(), add_vertebrae()
    for given, told in (((vertebrae,), "no volume node"), ((scan, scan), "no segmentation"), (("CT",), "'CT' is no")):
        with pytest.raises(InputError, match=told):
            panel.logic.segmentFractures(*given)


def test_device_is_kept_in_the_scene_and_passed_on(panel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    add_scan()
    panel.enter()
    panel.ui.deviceCombo.setCurrentIndex(panel.ui.deviceCombo.findData("cpu"))
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(panel.logic, "startTask", lambda *given: asked.append(given[3]))
    panel.begin()
    assert panel.logic.getParameterNode().GetParameter("Device") == "cpu"
    assert asked[0]["device"] == "cpu"


def test_given_vertebrae_are_kept_in_the_scene_and_passed_on(panel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    add_scan()
    given = add_vertebrae()
    panel.enter()
    assert panel.ui.vertebraeSelector.currentNode() is None
    panel.ui.vertebraeSelector.setCurrentNode(given)
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(panel.logic, "startTask", lambda *passed: asked.append(passed))
    panel.begin()
    assert panel.logic.getParameterNode().GetNodeReference("Vertebrae") is given
    assert asked[0][-1] is given
    panel.ui.vertebraeSelector.setCurrentNode(None)
    panel.begin()
    assert asked[1][-1] is None


def test_the_result_may_not_replace_the_given_vertebrae(panel: Any) -> None:
    volume, given = add_scan(), add_vertebrae()
    panel.enter()
    panel.ui.vertebraeSelector.setCurrentNode(given)
    assert panel.ui.segmentButton.enabled and not panel.ui.problemLabel.visible
    panel.ui.outputSelector.setCurrentNode(given)
    assert not panel.ui.segmentButton.enabled
    assert (
        panel.ui.problemLabel.text == "The result would replace the given vertebrae Vertebrae. Choose another output."
    )
    with pytest.raises(InputError, match="would replace the given vertebrae"):
        panel.logic.segmentFractures(volume, given, given)


def test_the_most_suspicious_vertebra_comes_first(filled: Any) -> None:
    assert cells(filled, LEVEL)[0] == BROKEN
    assert cells(filled, PROBABILITY)[0] == "97 %"
    assert cells(filled, GRADE)[0] == "2 crush"
    assert len(cells(filled, LEVEL)) == len(true_result().vertebrae)
    assert float(cells(filled, LOSS)[0].removesuffix(" %")) > 15
    assert f"fractures: {BROKEN} (97 %, grade 2 crush)" in filled.ui.statusLabel.text
    assert filled.ui.warningsLabel.visible


def test_an_uncertain_name_is_marked(filled: Any) -> None:
    assert f"{UNSURE_OF} (T11?)" in cells(filled, LEVEL)
    assert "L2" in cells(filled, LEVEL)


def test_a_missing_height_says_why(filled: Any) -> None:
    at = {level: row for row, level in enumerate(cells(filled, LEVEL))}
    for level, told in (("L4", "The vertebral body is cut by the border of the image."), ("L2", "")):
        item = filled.ui.resultTable.item(at[level], LOSS)
        assert item.toolTip() == told and (item.text() == "") == bool(told)


def test_a_click_on_a_row_brings_the_views_to_its_vertebra(filled: Any, qt_host: Any) -> None:
    for row in (0, 3):
        filled.ui.resultTable.cellClicked.emit(row, 1)
        right, front, up = filled.rows[row].center
        assert slice_places(qt_host) == pytest.approx([up, front, right], abs=1e-3)


def test_the_views_go_where_a_moved_scan_is_shown(filled: Any, qt_host: Any, scene: Any) -> None:
    import slicer

    moved = np.eye(4)
    moved[:3, 3] = 100, 0, -50
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(moved))
    for node in (filled.parameters.inputVolume, filled.resultNode):
        node.SetAndObserveTransformNodeID(transform.GetID())
    filled.ui.resultTable.cellClicked.emit(0, 0)
    right, front, up = filled.rows[0].center
    assert slice_places(qt_host) == pytest.approx([up - 50, front, right + 100], abs=1e-3)


def test_csv_and_report_are_written_where_the_user_says(filled: Any, qt_host: Any, tmp_path: Path) -> None:
    qt_host.user.will_answer(str(tmp_path / "vertebrae.csv"), str(tmp_path / "report.html"))
    filled.ui.csvButton.click()
    filled.ui.reportButton.click()
    with (tmp_path / "vertebrae.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["level"] for line in lines] == [each.level for each in true_result().vertebrae]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h1>CT spine</h1>" in page and BROKEN in page
    assert "Written" in filled.ui.statusLabel.text


def test_the_proposed_file_name_is_one_on_every_system(filled: Any, qt_host: Any, monkeypatch: Any) -> None:
    import qt

    filled.resultNode.SetName('6: AXIAL CT "bone" 1/2')
    proposed: list[str] = []
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *asked: proposed.append(asked[2]))
    filled.ui.csvButton.click()
    assert proposed == ["6- AXIAL CT -bone- 1-2.csv"]


def test_editing_a_segment_leaves_those_it_overlaps(filled: Any) -> None:
    import slicer

    filled.ui.editButton.click()
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    assert editor.segmentationNode() is filled.resultNode
    assert editor.mrmlSegmentEditorNode().GetOverwriteMode() == slicer.vtkMRMLSegmentEditorNode.OverwriteNone


def test_a_file_without_an_ending_gets_its_own(filled: Any, qt_host: Any, tmp_path: Path) -> None:
    for button in (filled.ui.csvButton, filled.ui.reportButton):
        qt_host.user.will_answer(str(tmp_path / "CT 2.5"))
        button.click()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CT 2.5.csv", "CT 2.5.html"]


def test_a_file_dialog_that_was_closed_writes_nothing(filled: Any, qt_host: Any, tmp_path: Path) -> None:
    qt_host.user.will_answer("")
    filled.ui.csvButton.click()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told_once(filled: Any, qt_host: Any, tmp_path: Path) -> None:
    import qt

    (tmp_path / "table.csv").mkdir()
    qt_host.user.will_answer(str(tmp_path / "table.csv"), qt.QMessageBox.Ok)
    filled.ui.csvButton.click()
    assert [dialog.kind for dialog in qt_host.user.seen] == ["file", "critical"]
    assert "is a folder" in filled.ui.statusLabel.text


def test_another_scan_does_not_overwrite_the_first_ones_result(filled: Any) -> None:
    first, result = filled.parameters.inputVolume, filled.parameters.outputSegmentation
    assert result is not None
    other = add_scan()
    filled.ui.inputSelector.setCurrentNode(other)
    assert filled.parameters.inputVolume is other and filled.parameters.outputSegmentation is None
    # Nor do its numbers stand beside the other scan.
    assert filled.ui.resultTable.rowCount == 0 and not filled.ui.csvButton.enabled and filled.result is None
    # A result of the same scan, and one that the user chooses, may be written anew.
    filled.ui.outputSelector.setCurrentNode(result)
    filled.ui.inputSelector.setCurrentNode(first)
    assert filled.parameters.outputSegmentation is result


def test_another_result_in_its_place_empties_the_table(filled: Any) -> None:
    from SpineLib.scene.show import show_result

    assert filled.ui.resultTable.rowCount > 0
    show_result(true_result(), filled.parameters.inputVolume, filled.resultNode)
    assert filled.ui.resultTable.rowCount == 0 and not filled.ui.csvButton.enabled


@pytest.mark.parametrize("in_a_batch", [False, True])
def test_marks_and_numbers_of_a_deleted_result_go_with_it(
    filled: Any, scene: Any, in_a_batch: bool, qt_host: Any
) -> None:
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsNode") > 1
    if in_a_batch:
        scene.StartState(scene.BatchProcessState)
    scene.RemoveNode(filled.resultNode)
    qt_host.app.processEvents()
    if in_a_batch:
        scene.EndState(scene.BatchProcessState)
    qt_host.wait_until(lambda: scene.GetNumberOfNodesByClass("vtkMRMLMarkupsNode") == 0, 10)
    assert filled.ui.resultTable.rowCount == 0 and not filled.ui.csvButton.enabled


def test_closing_the_scene_empties_the_table(filled: Any, scene: Any) -> None:
    scene.Clear(False)
    assert filled.ui.resultTable.rowCount == 0
    assert not filled.ui.csvButton.enabled


@needs_models
def test_one_click_names_the_vertebrae_and_marks_the_fracture(working: Any, qt_host: Any, scene: Any) -> None:
    volume = add_scan(upright_case())
    working.enter()
    working.ui.segmentButton.click()
    assert working.ui.progressArea.visible and not working.ui.segmentButton.enabled
    qt_host.wait_until(lambda: not working.isRunning, 300)
    assert qt_host.user.seen == []
    node = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert working.ui.outputSelector.currentNode() is node
    assert {"T12", "L1", "L2", "L3"} <= {row.level for row in working.rows}
    assert working.rows[0].level == "L2" and working.rows[0].genant_grade >= 1
    assert working.result.provenance["input"] == {"name": volume.GetName()}
    probabilities = [row.probability for row in working.rows]
    assert probabilities == sorted(probabilities, reverse=True)
    assert node.GetSegmentation().ContainsRepresentation("Closed surface")
    assert node.GetSegmentation().GetSegment("Fracture L2") is not None
    assert volume.GetImageData().GetDimensions() == upright_case().voxels.shape


@needs_models
def test_given_vertebrae_are_those_of_the_result(working: Any, qt_host: Any) -> None:
    add_scan(upright_case())
    given = add_vertebrae(upright_case(), "vertebrae_{}", ("L1", "L2", "L3"))
    changed = given.GetSegmentation().GetMTime()
    working.enter()
    working.ui.vertebraeSelector.setCurrentNode(given)
    working.ui.segmentButton.click()
    qt_host.wait_until(lambda: not working.isRunning, 300)
    assert qt_host.user.seen == []
    assert [vertebra.level for vertebra in working.result.vertebrae] == ["L1", "L2", "L3"]
    for vertebra in working.result.vertebrae:
        truth = upright_case().labels == {"L1": 20, "L2": 21, "L3": 22}[vertebra.level]
        assert np.array_equal(vertebra.mask.to_array(), truth)
    assert working.rows[0].level == "L2" and all(row.posterior_mm for row in working.rows)
    assert GIVEN in working.ui.warningsLabel.text
    assert working.ui.outputSelector.currentNode() is not given
    assert given.GetSegmentation().GetMTime() == changed


@needs_models
def test_cancel_leaves_the_scene_as_it_was(working: Any, qt_host: Any, scene: Any) -> None:
    add_scan()
    working.enter()
    working.ui.segmentButton.click()
    qt_host.wait_until(lambda: working.ui.progressBar.value > 0, 120)
    working.ui.cancelButton.click()
    qt_host.wait_until(lambda: not working.isRunning, 60)
    assert "cancelled" in working.ui.statusLabel.text
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert working.ui.segmentButton.enabled and qt_host.user.seen == []


@needs_models
def test_a_scan_that_shows_too_little_is_told_by_the_worker(working: Any, scene: Any) -> None:
    import slicer

    errors: list[SpineError] = []
    tiny = slicer.util.addVolumeFromArray(np.arange(1000, dtype=np.int16).reshape(10, 10, 10), name="Tiny")
    working.logic.startSegmentFractures(tiny, onError=errors.append)
    working.logic.client.wait()
    assert [type(error) for error in errors] == [InputError]
    assert not isinstance(errors[0], Cancelled)
    assert "less than a vertebra" in errors[0].sentence
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


@needs_models
def test_the_segmentation_panel_takes_a_ct_with_the_same_button(worker: Any, open_module: Any, qt_host: Any) -> None:
    panel = open_module("SpineSegmentation")
    add_scan(upright_case())
    panel.enter()
    assert panel.ui.viewCombo.currentData == "auto"
    assert catalogue.find(panel.ui.modelCombo.currentData).task == "ct"
    panel.ui.segmentButton.click()
    qt_host.wait_until(lambda: not panel.isRunning, 300)
    assert qt_host.user.seen == []
    assert " vertebrae, T" in panel.ui.statusLabel.text and "fracture" not in panel.ui.statusLabel.text
    assert panel.ui.resultTable.rowCount > 5
