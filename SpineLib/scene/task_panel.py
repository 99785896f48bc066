# SPDX-License-Identifier: Apache-2.0
"""What the modules' panels share: choices kept in the scene, one run at a time, progress, cancel, messages, log."""

from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from SpineLib.core.errors import Cancelled, SpineError
from SpineLib.core.result import DISCLAIMER, SpineResult
from SpineLib.scene import model_choice, result_view, vertebra_marks, views
from SpineLib.scene.parameters import Parameters
from SpineLib.scene.show import RESULT_ATTRIBUTE


class TaskPanel(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Base of the modules' panels; the .ui file of the module's name gives the widgets the names used here.

    A module says how its work begins (`newLogic`, `begin`), what can be chosen (`task`, `combos`, `problem`) and how
    a result looks (`fillTable`).
    """

    TITLE = ""
    PURPOSE = ""
    """Tool tip of the button that starts the work."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: Any = None
        self.parameters: Parameters | None = None
        self.resultNode: Any = None
        self.isRunning = False
        self._updating = False
        self._isSweeping = False

    def newLogic(self) -> Any:
        """The module's logic."""
        raise TypeError("A panel names its logic.")

    def begin(self, **callbacks: Any) -> None:
        """Start the work with what is chosen. Raises SpineError when it cannot even begin."""
        raise TypeError("A panel says how its work begins.")

    def task(self) -> str:
        """The task whose models are offered."""
        raise TypeError("A panel names its task.")

    def combos(self) -> dict[str, tuple[Any, list[model_choice.Choice]]]:
        """The combo boxes: name of the parameter they keep -> widget and what it offers."""
        return {"model": (self.ui.modelCombo, model_choice.models(self.task()))}

    def selectors(self) -> dict[str, Any]:
        """The node selectors: name of the parameter they keep -> widget."""
        return {"inputVolume": self.ui.inputSelector, "outputSegmentation": self.ui.outputSelector}

    def problem(self) -> str:
        """Why the work cannot begin, in words for the user; empty when it can."""
        return self.parameters.problem()

    def isSuitable(self, volumeNode: Any) -> bool:
        """Whether to choose a volume of the scene by itself."""
        return volumeNode is not None

    def fillTable(self, result: SpineResult | None) -> None:
        """Show the numbers of a result, which is in `resultNode`; None empties the table."""
        raise TypeError("A panel shows its results.")

    def chosenOptions(self) -> dict[str, Any]:
        """Options of the run. The model is the one on view: an earlier choice may belong to another task."""
        return {"model": self.ui.modelCombo.currentData, "device": self.parameters.device}

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        panel = slicer.util.loadUI(self.resourcePath(f"UI/{self.moduleName}.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        self.logic = self.newLogic()
        self.ui.disclaimerLabel.text = DISCLAIMER
        self.connectWidgets()
        self._showResult(None)
        self.useParameterNode()

    def connectWidgets(self) -> None:
        ui = self.ui
        for selector in self.selectors().values():
            selector.connect("currentNodeChanged(vtkMRMLNode*)", self.onChoice)
            selector.connect("nodeAboutToBeRemoved(vtkMRMLNode*)", self.onNodeAboutToBeRemoved)
        ui.modelCombo.connect("currentIndexChanged(int)", self.onChoice)
        ui.segmentButton.connect("clicked()", self.onSegment)
        ui.cancelButton.connect("clicked()", self.onCancel)
        ui.showButton.connect("clicked()", self.onShow)
        ui.editButton.connect("clicked()", self.onEdit)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeRemovedEvent, self.onNodeRemoved)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndBatchProcessEvent, self.onNodeRemoved)

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

    def onNodeRemoved(self, caller: Any, event: Any) -> None:
        """Marks and numbers go with their result, once whoever removes it has finished."""
        if not self._isSweeping:
            self._isSweeping = True
            qt.QTimer.singleShot(0, self._sweep)

    def _sweep(self) -> None:
        # In the middle of an import a mark may be there before the segmentation it belongs to.
        if not slicer.mrmlScene.IsBatchProcessing():
            vertebra_marks.remove_orphans()
            self.onResultChanged()
        self._isSweeping = False

    def onResultChanged(self, caller: Any = None, event: Any = None) -> None:
        if self._isReplaced():
            self._showResult(None)
            self.updateButtons()

    def useParameterNode(self) -> None:
        """Show the choices kept in the scene, after filling in what is not chosen yet."""
        self._watch(Parameters(self.logic.getParameterNode()))
        self.parameters.chooseInput(self.isSuitable)
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
        for name, selector in self.selectors().items():
            selector.setCurrentNode(getattr(chosen, name))
        for name, (combo, choices) in self.combos().items():
            model_choice.fill(combo, choices, getattr(chosen, name))
        model = ui.modelCombo.currentData
        ui.modelDetails.text = model_choice.describe(model) if model else _("No model is installed for this.")
        ui.modelDetails.toolTip = model_choice.sources(model) if model else ""
        self._updating = False
        if self._resultOf is not None and (self._resultOf is not chosen.inputVolume or self._isReplaced()):
            self._showResult(None)
        self.updateButtons()

    def onChoice(self, *_: Any) -> None:
        """Keep what the user chose."""
        if self._updating or self.parameters is None:
            return
        self._updating = True
        chosen, before = self.parameters, self.parameters.inputVolume
        for name, selector in self.selectors().items():
            setattr(chosen, name, selector.currentNode())
        if chosen.inputVolume is not before:
            chosen.spareOtherOutput()
        for name, (combo, _choices) in self.combos().items():
            setattr(chosen, name, combo.currentData)
        self._updating = False
        self.updatePanel()

    def onNodeAboutToBeRemoved(self, node: Any) -> None:
        """Choose nothing in its place: the selector would go on to its neighbor, whose result the next run replaced."""
        for selector in self.selectors().values():
            if selector.currentNode() is node:
                selector.setCurrentNode(None)

    def onSegment(self) -> None:
        self.isRunning = True
        self.onProgress(0.0, _("Starting"))
        try:
            self.begin(
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
        self.say(message)
        self.updateButtons()

    def onFinished(self, segmentationNode: Any, result: SpineResult) -> None:
        self.isRunning = False
        if self.parameters is not None:
            self.parameters.outputSegmentation = segmentationNode
        self.say(result_view.sentence_of(result))
        self._showResult(result, segmentationNode)
        self.updatePanel()

    def onError(self, error: SpineError) -> None:
        self.isRunning = False
        self.say(str(error), failed=not isinstance(error, Cancelled))
        self.updateButtons()
        if not isinstance(error, Cancelled):
            slicer.util.errorDisplay(f"{error.sentence}\n\n{error.hint}", windowTitle=self.TITLE)

    def onShow(self) -> None:
        views.show_on_views(self.parameters.inputVolume, self.parameters.outputSegmentation)

    def onEdit(self) -> None:
        views.open_segment_editor(self.parameters.inputVolume, self.parameters.outputSegmentation)

    def say(self, message: str, failed: bool = False) -> None:
        """One line for the user, kept in the log."""
        self.ui.statusLabel.visible = True
        self.ui.statusLabel.text = message
        self.ui.statusLabel.styleSheet = "color: #c62828;" if failed else ""
        self.ui.logText.appendPlainText(message)

    def updateButtons(self) -> None:
        ui, chosen = self.ui, self.parameters
        problem = self.problem() if chosen is not None else ""
        ui.segmentButton.enabled = chosen is not None and not self.isRunning and not problem
        ui.segmentButton.toolTip = problem or self.PURPOSE
        ui.inputsButton.enabled = not self.isRunning
        ui.progressArea.visible = self.isRunning
        shown = chosen is not None and chosen.outputSegmentation is not None and chosen.inputVolume is not None
        ui.showButton.enabled = ui.editButton.enabled = shown and not self.isRunning

    def _isReplaced(self) -> bool:
        """Whether the shown result was deleted, or another one, perhaps of another module, put in its place."""
        node = self.resultNode
        return node is not None and (node.GetScene() is None or node.GetAttribute(RESULT_ATTRIBUTE) != self._resultMark)

    def _showResult(self, result: SpineResult | None, segmentationNode: Any = None) -> None:
        self.removeObservers(self.onResultChanged)
        self.resultNode = segmentationNode
        if segmentationNode is not None:
            self.addObserver(segmentationNode, vtk.vtkCommand.ModifiedEvent, self.onResultChanged)
        self._resultMark = segmentationNode.GetAttribute(RESULT_ATTRIBUTE) if segmentationNode is not None else None
        self._resultOf = self.parameters.inputVolume if result is not None and self.parameters is not None else None
        self.ui.resultsButton.collapsed = result is None
        self.ui.warningsLabel.text = "\n".join(result.warnings) if result is not None else ""
        self.ui.warningsLabel.visible = bool(self.ui.warningsLabel.text)
        self.fillTable(result)
