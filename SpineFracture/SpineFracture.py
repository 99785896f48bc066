# SPDX-License-Identifier: Apache-2.0
"""Slicer module: a CT of the spine in, named vertebrae with their fractures, heights and grades out."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import qt
import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleTest

try:
    import SpineLib
except ImportError:
    # Run from the source tree, where Slicer is told of the module's folder only.
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    import SpineLib

from SpineLib.core.errors import InputError, SpineError
from SpineLib.core.result import DISCLAIMER, SpineResult
from SpineLib.reporting import scan_report, vertebra_table
from SpineLib.scene import dependencies, model_choice, vertebra_view, views
from SpineLib.scene.parameters import Parameters
from SpineLib.scene.segmentation_run import Callbacks
from SpineLib.scene.task_logic import TaskLogic, check_kinds
from SpineLib.scene.task_panel import TaskPanel
from SpineLib.scene.volume_from_node import is_scan

TASK = "fracture"
UNFIT_FOR_FILES = re.compile(r'[\\/:*?"<>|]')
"""Characters that no file's name may have on Windows; series of DICOM images have them in theirs."""


class SpineFracture(ScriptedLoadableModule):
    """What Slicer's module list shows."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("Spine Fracture")
        parent.categories = ["Segmentation"]
        parent.dependencies = list(dependencies.SLICER_MODULES)
        parent.contributors = ["SpineSegmentation contributors"]
        parent.helpText = _(
            "Names the vertebrae on CT, measures the heights of their bodies, grades their loss after Genant and marks "
            "fractured bone. Load a CT, click <b>Segment fractures</b>, click a row of the table to see its vertebra. "
            "The networks run on this computer; nothing is sent anywhere."
        )
        parent.acknowledgementText = f"Version {SpineLib.__version__}. {DISCLAIMER}"


class SpineFractureLogic(TaskLogic):
    """Finds fractures without any panel. All methods raise SpineError with one sentence and a hint."""

    def segmentFractures(
        self,
        volumeNode: Any,
        vertebraeNode: Any = None,
        outputSegmentationNode: Any = None,
        model: str | None = None,
        device: str = "auto",
    ) -> Any:
        """Segment the vertebrae of a CT and their fractures; blocks until it is done, returns the segmentation node.

        vertebraeNode: segmentation whose vertebrae are taken, by name and mask, instead of finding them; it stays as it
        is. outputSegmentationNode: updated in place where given. model: id of a fracture model in the catalogue, None
        for the task's own. device: "auto", "cpu" or "cuda".
        """
        _refuse(volumeNode, vertebraeNode, outputSegmentationNode)
        options = {"model": model, "device": device}
        return self.runTask(volumeNode, outputSegmentationNode, TASK, options, vertebraeNode)

    def startSegmentFractures(
        self,
        volumeNode: Any,
        vertebraeNode: Any = None,
        outputSegmentationNode: Any = None,
        model: str | None = None,
        device: str = "auto",
        **callbacks: Callable[..., None],
    ) -> None:
        """Begin and return at once.

        callbacks: onProgress(fraction, message), onLog(line), and of these two exactly one at the end:
        onFinished(segmentationNode, result), onError(error).
        """
        _refuse(volumeNode, vertebraeNode, outputSegmentationNode)
        options = {"model": model, "device": device}
        self.startTask(volumeNode, outputSegmentationNode, TASK, options, Callbacks(**callbacks), vertebraeNode)


def _refuse(volumeNode: Any, vertebraeNode: Any, outputSegmentationNode: Any) -> None:
    """Raise InputError for a film, and where the result would replace the given vertebrae."""
    check_kinds(volumeNode, vertebraeNode, outputSegmentationNode)
    if vertebraeNode is not None and vertebraeNode is outputSegmentationNode:
        raise InputError(*Parameters.outputIsGiven(vertebraeNode))
    if volumeNode is not None and volumeNode.GetImageData() is not None and not is_scan(volumeNode):
        raise InputError(*Parameters.filmInstead(volumeNode))


class SpineFractureWidget(TaskPanel):
    """The panel: shows the choices, starts the logic, shows the vertebrae and writes them to files."""

    TITLE = _("Spine Fracture")
    PURPOSE = _("Find, mark and grade fractured vertebrae.")

    def __init__(self, parent: Any = None) -> None:
        TaskPanel.__init__(self, parent)
        self.result: SpineResult | None = None
        self.rows: list[vertebra_table.VertebraRow] = []

    def newLogic(self) -> SpineFractureLogic:
        return SpineFractureLogic()

    def connectWidgets(self) -> None:
        TaskPanel.connectWidgets(self)
        ui = self.ui
        ui.deviceCombo.connect("currentIndexChanged(int)", self.onChoice)
        ui.resultTable.connect("cellClicked(int,int)", self.onRow)
        ui.csvButton.connect("clicked()", self.onExportCsv)
        ui.reportButton.connect("clicked()", self.onReport)

    def task(self) -> str:
        return TASK

    def combos(self) -> dict[str, tuple[Any, list[model_choice.Choice]]]:
        return {**TaskPanel.combos(self), "device": (self.ui.deviceCombo, model_choice.devices())}

    def problem(self) -> str:
        return self.parameters.problemOfScan() or self.parameters.problemOfVertebrae()

    def selectors(self) -> dict[str, Any]:
        return {**TaskPanel.selectors(self), "vertebrae": self.ui.vertebraeSelector}

    def isSuitable(self, volumeNode: Any) -> bool:
        return volumeNode is not None and is_scan(volumeNode)

    def begin(self, **callbacks: Any) -> None:
        chosen = self.parameters
        self.logic.startSegmentFractures(
            chosen.inputVolume, chosen.vertebrae, chosen.outputSegmentation, **self.chosenOptions(), **callbacks
        )

    def updateButtons(self) -> None:
        TaskPanel.updateButtons(self)
        chosen = self.parameters
        self.ui.problemLabel.text = self.problem() if chosen is not None and chosen.inputVolume is not None else ""
        self.ui.problemLabel.visible = bool(self.ui.problemLabel.text)
        self.ui.csvButton.enabled = self.ui.reportButton.enabled = bool(self.rows) and not self.isRunning

    def fillTable(self, result: SpineResult | None) -> None:
        self.result = result
        self.rows = vertebra_table.by_suspicion(vertebra_table.rows_of(result)) if result is not None else []
        vertebra_view.fill_table(self.ui.resultTable, self.rows)

    def onRow(self, row: int, column: int = 0) -> None:
        """Bring the vertebra of a row to the middle of the slice views."""
        center = self.rows[row].center
        if center is not None:
            views.jump_to(views.to_world(self.resultNode, center))

    def onExportCsv(self) -> None:
        self._write("csv", _("Comma-separated values (*.csv)"), vertebra_table.write_csv)

    def onReport(self) -> None:
        title = self.resultNode.GetName()
        self._write("html", _("Web page (*.html)"), lambda result, path: scan_report.write_report(result, path, title))

    def _write(self, ending: str, kind: str, write: Callable[[SpineResult, str], None]) -> None:
        """Ask for a place and write there; an error is told in one message."""
        proposed = UNFIT_FOR_FILES.sub("-", f"{self.resultNode.GetName()}.{ending}")
        path = qt.QFileDialog.getSaveFileName(self.parent, _("Save the vertebrae"), proposed, kind)
        if not path:
            return
        whole = Path(f"{path}.{ending}")
        # The dialog has not asked whether a file of that name may go.
        path = path if path.lower().endswith(f".{ending}") or whole.exists() else str(whole)
        try:
            write(self.result, path)
        except SpineError as error:
            self.onError(error)
            return
        self.say(_("Written: {path}").format(path=path))


class SpineFractureTest(ScriptedLoadableModuleTest):
    """Slicer's own self test: what needs no spine, and the whole path where the packages and the models are there."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        self.setUp()
        self.test_a_film_is_refused()
        self.setUp()
        self.test_a_scan_without_a_spine_gives_no_vertebra()

    def test_a_film_is_refused(self) -> None:
        film = slicer.util.addVolumeFromArray(numpy.zeros((1, 30, 20), numpy.int16), name="Film")
        with self.assertRaises(InputError):
            SpineFractureLogic().segmentFractures(film)

    def test_a_scan_without_a_spine_gives_no_vertebra(self) -> None:
        if dependencies.missing_packages() or not model_choice.models(TASK):
            self.delayDisplay("Skipped: the networks' packages or their models are not installed.")
            return
        water = numpy.random.default_rng(0).normal(0, 20, (40, 40, 40)).astype(numpy.int16)
        water[:, :4] = -1000
        volumeNode = slicer.util.addVolumeFromArray(water, numpy.diag([-2.0, -2.0, 2.0, 1.0]), "Water")
        segmentationNode = SpineFractureLogic().segmentFractures(volumeNode)
        self.assertEqual(segmentationNode.GetSegmentation().GetNumberOfSegments(), 0)
