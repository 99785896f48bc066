# SPDX-License-Identifier: Apache-2.0
"""Slicer module: a film of the spine in, an editable mask with measurements out."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

try:
    import SpineLib
except ImportError:
    # Run from the source tree, where Slicer is told of the module's folder only.
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    import SpineLib

from SpineLib.core.errors import Cancelled, SpineError
from SpineLib.core.result import DISCLAIMER, SpineResult
from SpineLib.scene import batch_run, dependencies, model_choice, result_view, sample_data, views
from SpineLib.scene.parameters import Parameters
from SpineLib.scene.segmentation_run import Callbacks, SegmentationRun
from SpineLib.scene.worker_client import shared_client


class SpineSegmentation(ScriptedLoadableModule):
    """What Slicer's module list shows."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("Spine Segmentation")
        parent.categories = ["Segmentation"]
        parent.dependencies = ["Segmentations", "SegmentEditor", "SubjectHierarchy", "Terminologies", "Volumes"]
        parent.contributors = ["SpineSegmentation contributors"]
        parent.helpText = _(
            "Segments the spine on frontal (AP or PA) radiographs. Load a film, click <b>Segment spine</b>, correct "
            "the mask in the Segment Editor. The network runs on this computer; nothing is sent anywhere."
        )
        parent.acknowledgementText = f"Version {SpineLib.__version__}. {DISCLAIMER}"
        slicer.app.connect("startupCompleted()", self._registerSampleData)

    def _registerSampleData(self) -> None:
        sample_data.register(Path(self.resourcePath("SampleData")))


class SpineSegmentationLogic(ScriptedLoadableModuleLogic):
    """Segments films without any panel. All methods raise SpineError with one sentence and a hint."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self.askToInstall = slicer.util.confirmOkCancelDisplay
        self.client = shared_client()

    def segment(
        self,
        volumeNode: Any,
        outputNode: Any = None,
        task: str = "auto",
        model: str | None = None,
        device: str = "auto",
    ) -> Any:
        """Segment one film and return the segmentation node; blocks until it is done.

        outputNode: updated in place where given. task: "auto" or "ap". model: id in the catalogue, None for the task's
        own. device: "auto", "cpu" or "cuda".
        """
        nodes: list[Any] = []
        errors: list[SpineError] = []
        ends = {"onFinished": lambda node, result: nodes.append(node), "onError": errors.append}
        self.startSegment(volumeNode, outputNode, task, model, device, **ends)
        self.client.wait()
        if errors:
            raise errors[0]
        return nodes[0]

    def startSegment(
        self,
        volumeNode: Any,
        outputNode: Any = None,
        task: str = "auto",
        model: str | None = None,
        device: str = "auto",
        **callbacks: Callable[..., None],
    ) -> None:
        """Begin segmenting and return at once.

        callbacks: onProgress(fraction, message), onLog(line), and of these two exactly one at the end:
        onFinished(segmentationNode, result), onError(error).
        """
        run = SegmentationRun(self.client, volumeNode, outputNode, Callbacks(**callbacks))
        dependencies.ensure_installed(self.askToInstall)
        run.start(task, {"model": model, "device": device})

    def cancel(self) -> None:
        """Stop the work under way; its `onError` hears Cancelled."""
        self.client.cancel()

    def segmentFolder(self, folder: str | Path, output: str | Path, task: str = "auto", resume: bool = False) -> Path:
        """Segment all films of a folder into the folder `output`, which is returned; blocks until it is done."""
        dependencies.ensure_installed(self.askToInstall)
        return batch_run.segment_folder(Path(folder), Path(output), task, resume)


class SpineSegmentationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: shows the choices, starts the logic, shows what it reports."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: SpineSegmentationLogic | None = None
        self.parameters: Parameters | None = None
        self.isRunning = False
        self._updating = False

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        panel = slicer.util.loadUI(self.resourcePath("UI/SpineSegmentation.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        self.logic = SpineSegmentationLogic()
        self.ui.disclaimerLabel.text = DISCLAIMER
        self._connect()
        self._showResult(None)
        self.useParameterNode()

    def _connect(self) -> None:
        ui = self.ui
        ui.inputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onChoice)
        ui.outputSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onChoice)
        ui.viewCombo.connect("currentIndexChanged(int)", self.onChoice)
        ui.modelCombo.connect("currentIndexChanged(int)", self.onChoice)
        ui.segmentButton.connect("clicked()", self.onSegment)
        ui.cancelButton.connect("clicked()", self.onCancel)
        ui.showButton.connect("clicked()", self.onShow)
        ui.editButton.connect("clicked()", self.onEdit)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndClose)

    def enter(self) -> None:
        self.useParameterNode()

    def cleanup(self) -> None:
        self.onCancel()
        self.removeObservers()

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        self.onCancel()
        self._watch(None)

    def onSceneEndClose(self, caller: Any, event: Any) -> None:
        self._showResult(None)
        self.useParameterNode()

    def useParameterNode(self) -> None:
        """Show the choices kept in the scene, after filling in what is not chosen yet."""
        self._watch(Parameters(self.logic.getParameterNode()))
        self.parameters.chooseInput()
        self.updatePanel()

    def _watch(self, parameters: Parameters | None) -> None:
        """Take these choices for the panel's, and follow what scripts change in them."""
        self.removeObservers(self.updatePanel)
        self.parameters = parameters
        if parameters is not None:
            self.addObserver(parameters.node, vtk.vtkCommand.ModifiedEvent, self.updatePanel)

    def updatePanel(self, caller: Any = None, event: Any = None) -> None:
        """Bring the widgets in line with the choices; their signals are ignored meanwhile."""
        if self._updating or self.parameters is None:
            return
        self._updating = True
        ui, chosen = self.ui, self.parameters
        ui.inputSelector.setCurrentNode(chosen.inputVolume)
        ui.outputSelector.setCurrentNode(chosen.outputSegmentation)
        model_choice.fill(ui.viewCombo, model_choice.views(), chosen.task)
        model_choice.fill(ui.modelCombo, model_choice.models(chosen.task), chosen.model)
        model = ui.modelCombo.currentData
        ui.modelDetails.text = model_choice.describe(model) if model else _("No model is installed for this view.")
        self._updating = False
        self._updateButtons()

    def onChoice(self, *_: Any) -> None:
        """Keep what the user chose."""
        if self._updating or self.parameters is None:
            return
        self._updating = True
        ui, chosen = self.ui, self.parameters
        chosen.inputVolume, chosen.outputSegmentation = ui.inputSelector.currentNode(), ui.outputSelector.currentNode()
        chosen.task, chosen.model = ui.viewCombo.currentData, ui.modelCombo.currentData
        self._updating = False
        self.updatePanel()

    def onSegment(self) -> None:
        self.isRunning = True
        self.onProgress(0.0, _("Starting"))
        chosen = self.parameters
        try:
            self.logic.startSegment(
                chosen.inputVolume,
                chosen.outputSegmentation,
                chosen.task,
                chosen.model,
                onProgress=self.onProgress,
                onLog=self.ui.logText.appendPlainText,
                onFinished=self.onFinished,
                onError=self.onError,
            )
        except SpineError as error:
            self.onError(error)
        except Exception:
            self.onError(SpineError("The segmentation could not begin.", "The Python console says why."))
            raise

    def onCancel(self) -> None:
        if self.isRunning:
            self.ui.statusLabel.text = _("Cancelling")
            self.logic.cancel()

    def onProgress(self, fraction: float, message: str) -> None:
        self.ui.progressBar.value = round(100 * fraction)
        self._say(message)
        self._updateButtons()

    def onFinished(self, segmentationNode: Any, result: SpineResult) -> None:
        self.isRunning = False
        if self.parameters is not None:
            self.parameters.outputSegmentation = segmentationNode
        self._say(_("Done"))
        self._showResult(result)
        self.updatePanel()

    def onError(self, error: SpineError) -> None:
        self.isRunning = False
        self._say(str(error), failed=not isinstance(error, Cancelled))
        self._updateButtons()
        if not isinstance(error, Cancelled):
            slicer.util.errorDisplay(f"{error.sentence}\n\n{error.hint}", windowTitle=_("Spine Segmentation"))

    def onShow(self) -> None:
        views.show_on_views(self.parameters.inputVolume, self.parameters.outputSegmentation)

    def onEdit(self) -> None:
        views.open_segment_editor(self.parameters.inputVolume, self.parameters.outputSegmentation)

    def _say(self, message: str, failed: bool = False) -> None:
        self.ui.statusLabel.visible = True
        self.ui.statusLabel.text = message
        self.ui.statusLabel.styleSheet = "color: #c62828;" if failed else ""
        self.ui.logText.appendPlainText(message)

    def _updateButtons(self) -> None:
        ui, chosen = self.ui, self.parameters
        problem = chosen.problem() if chosen is not None else ""
        ui.segmentButton.enabled = chosen is not None and not self.isRunning and not problem
        ui.segmentButton.toolTip = problem or _("Draw the mask of the spine.")
        ui.inputsButton.enabled = not self.isRunning
        ui.progressArea.visible = self.isRunning
        shown = chosen is not None and chosen.outputSegmentation is not None and chosen.inputVolume is not None
        ui.showButton.enabled = ui.editButton.enabled = shown and not self.isRunning

    def _showResult(self, result: SpineResult | None) -> None:
        self.ui.resultsButton.collapsed = result is None
        self.ui.warningsLabel.text = "\n".join(result.warnings) if result is not None else ""
        self.ui.warningsLabel.visible = bool(self.ui.warningsLabel.text)
        result_view.fill_table(self.ui.resultTable, result_view.rows_of(result) if result is not None else [])


class SpineSegmentationTest(ScriptedLoadableModuleTest):
    """Slicer's own self test: the whole path on a made-up film, where the packages and a model are there."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        self.setUp()
        self.test_a_film_without_a_spine_gives_an_empty_segmentation()

    def test_a_film_without_a_spine_gives_an_empty_segmentation(self) -> None:
        if dependencies.missing_packages() or not model_choice.models(model_choice.AUTO):
            self.delayDisplay("Skipped: the network's packages or its model are not installed.")
            return
        noise = numpy.random.default_rng(0).integers(0, 255, (1, 300, 120), dtype=numpy.uint8)
        volumeNode = slicer.util.addVolumeFromArray(noise, name="Noise")
        segmentationNode = SpineSegmentationLogic().segment(volumeNode, task="ap")
        segmentId = segmentationNode.GetSegmentation().GetNthSegmentID(0)
        self.assertEqual(segmentId, "Spine")
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, segmentId, volumeNode)
        self.assertFalse(mask.any())
