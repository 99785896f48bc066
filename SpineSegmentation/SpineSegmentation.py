# SPDX-License-Identifier: Apache-2.0
"""Slicer module: a film or a CT of the spine in, an editable segmentation with measurements out."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleTest

try:
    import SpineLib
except ImportError:
    # Run from the source tree, where Slicer is told of the module's folder only.
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    import SpineLib

from SpineLib.core.result import DISCLAIMER, SpineResult
from SpineLib.scene import batch_run, dependencies, model_choice, result_view, sample_data
from SpineLib.scene.segmentation_run import Callbacks
from SpineLib.scene.task_logic import TaskLogic
from SpineLib.scene.task_panel import TaskPanel


class SpineSegmentation(ScriptedLoadableModule):
    """What Slicer's module list shows."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("Spine Segmentation")
        parent.categories = ["Segmentation"]
        parent.dependencies = list(dependencies.SLICER_MODULES)
        parent.contributors = ["SpineSegmentation contributors"]
        parent.helpText = _(
            "Segments the spine on frontal (AP or PA) radiographs and the vertebrae, named one by one, on CT. Load an "
            "image, click <b>Segment spine</b>, correct the result in the Segment Editor. The networks run on this "
            "computer; nothing is sent anywhere."
        )
        parent.acknowledgementText = f"Version {SpineLib.__version__}. {DISCLAIMER}"
        slicer.app.connect("startupCompleted()", self._registerSampleData)

    def _registerSampleData(self) -> None:
        sample_data.register(Path(self.resourcePath("SampleData")))


class SpineSegmentationLogic(TaskLogic):
    """Segments films and CTs without any panel. All methods raise SpineError with one sentence and a hint."""

    def segment(
        self,
        volumeNode: Any,
        outputNode: Any = None,
        task: str = "auto",
        model: str | None = None,
        device: str = "auto",
    ) -> Any:
        """Segment one film or CT and return the segmentation node; blocks until it is done.

        outputNode: updated in place where given. task: "auto", "ap" or "ct". model: id in the catalogue, None for the
        task's own. device: "auto", "cpu" or "cuda".
        """
        return self.runTask(volumeNode, outputNode, task, {"model": model, "device": device})

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
        self.startTask(volumeNode, outputNode, task, {"model": model, "device": device}, Callbacks(**callbacks))

    def segmentFolder(self, folder: str | Path, output: str | Path, task: str = "auto", resume: bool = False) -> Path:
        """Segment all films of a folder into the folder `output`, which is returned; blocks until it is done."""
        dependencies.ensure_installed(self.askToInstall)
        return batch_run.segment_folder(Path(folder), Path(output), task, resume)


class SpineSegmentationWidget(TaskPanel):
    """The panel: shows the choices, starts the logic, shows what it reports."""

    TITLE = _("Spine Segmentation")
    PURPOSE = _("Draw the mask of the spine, of a CT each vertebra by itself.")

    def newLogic(self) -> SpineSegmentationLogic:
        return SpineSegmentationLogic()

    def connectWidgets(self) -> None:
        TaskPanel.connectWidgets(self)
        self.ui.viewCombo.connect("currentIndexChanged(int)", self.onChoice)

    def task(self) -> str:
        return model_choice.task_for(self.parameters.task, self.parameters.inputVolume)

    def combos(self) -> dict[str, tuple[Any, list[model_choice.Choice]]]:
        return {"task": (self.ui.viewCombo, model_choice.views()), **TaskPanel.combos(self)}

    def begin(self, **callbacks: Any) -> None:
        chosen = self.parameters
        self.logic.startSegment(
            chosen.inputVolume, chosen.outputSegmentation, chosen.task, **self.chosenOptions(), **callbacks
        )

    def fillTable(self, result: SpineResult | None) -> None:
        result_view.fill_table(self.ui.resultTable, result_view.rows_of(result) if result is not None else [])


class SpineSegmentationTest(ScriptedLoadableModuleTest):
    """Slicer's own self test: the whole path on a made-up film, where the packages and a model are there."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        self.setUp()
        self.test_a_film_without_a_spine_gives_an_empty_segmentation()

    def test_a_film_without_a_spine_gives_an_empty_segmentation(self) -> None:
        if dependencies.missing_packages() or not model_choice.models("ap"):
            self.delayDisplay("Skipped: the network's packages or its model are not installed.")
            return
        noise = numpy.random.default_rng(0).integers(0, 255, (1, 300, 120), dtype=numpy.uint8)
        volumeNode = slicer.util.addVolumeFromArray(noise, name="Noise")
        segmentationNode = SpineSegmentationLogic().segment(volumeNode, task="ap")
        segmentId = segmentationNode.GetSegmentation().GetNthSegmentID(0)
        self.assertEqual(segmentId, "Spine")
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, segmentId, volumeNode)
        self.assertFalse(mask.any())
