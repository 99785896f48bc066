# SPDX-License-Identifier: Apache-2.0
"""The MRML scene with the logics that Slicer's own modules bring."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import slicer
import vtk

_LOGIC_CLASSES = {
    "Colors": "vtkSlicerColorLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Models": "vtkSlicerModelsLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Cameras": "vtkSlicerCamerasModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Texts": "vtkSlicerTextsLogic",
}


class SceneCore:
    """The one scene of the process, its application logic and the logics of the modules by name."""

    def __init__(self) -> None:
        self.scene = slicer.vtkMRMLScene()
        self._add_crosshair()
        self.application_logic = slicer.vtkSlicerApplicationLogic()
        self.application_logic.SetMRMLScene(self.scene)
        self._prepare_colors()
        self._prepare_views()
        self.logics = {name: self._create_logic(name, cls) for name, cls in _LOGIC_CLASSES.items()}

    def _add_crosshair(self) -> None:
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        self.scene.AddNode(crosshair)

    def _prepare_colors(self) -> None:
        colors = self.application_logic.GetColorLogic()
        colors.SetMRMLScene(self.scene)
        colors.AddDefaultColorNodes()

    def _prepare_views(self) -> None:
        self.application_logic.SetSliceLogics(vtk.vtkCollection())
        self.application_logic.SetViewLogics(vtk.vtkCollection())
        for factory in (
            slicer.vtkMRMLThreeDViewDisplayableManagerFactory,
            slicer.vtkMRMLSliceViewDisplayableManagerFactory,
        ):
            factory.GetInstance().SetMRMLApplicationLogic(self.application_logic)
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)

    def _create_logic(self, name: str, class_name: str) -> Any:
        logic = self.application_logic.GetColorLogic() if name == "Colors" else getattr(slicer, class_name)()
        if name == "Terminologies":
            logic.SetModuleShareDirectory(str(terminologies_folder()))
        logic.SetMRMLScene(self.scene)
        logic.SetMRMLApplicationLogic(self.application_logic)
        self.application_logic.SetModuleLogic(name, logic)
        return logic


def terminologies_folder() -> Path:
    """Slicer's terminology files, as the package trame-slicer ships them (found without importing it)."""
    package = importlib.util.find_spec("trame_slicer")
    if package is None or package.origin is None:
        raise RuntimeError("The terminology files are missing: pip install --no-deps trame-slicer")
    return Path(package.origin).parent / "resources" / "terminologies"
