# SPDX-License-Identifier: Apache-2.0
"""The part of Slicer's IO manager that `slicer.util` calls: load and save nodes and scenes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
import vtk

from . import picture_reader
from .scene import SceneCore

# file type -> endings; the first row that fits is the reader, so that .seg.nrrd goes before .nrrd
_FILE_TYPES = {
    "SegmentationFile": (".seg.nrrd", ".seg.nhdr"),
    "VolumeFile": (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd", ".dcm", *picture_reader.ENDINGS),
    "MarkupsFile": (".mrk.json", ".fcsv"),
    "ModelFile": (".vtp", ".vtk", ".stl", ".ply", ".obj"),
    "TableFile": (".csv", ".tsv"),
    "TransformFile": (".h5", ".tfm", ".mat"),
    "SceneFile": (".mrml", ".mrb"),
}
_LABELMAP, _CENTERED, _SINGLE_FILE, _AUTO_WINDOW, _DISCARD_ORIENTATION = 1, 2, 4, 8, 16


class IOManager:
    """Loads and saves through the same logics and storage nodes as Slicer's readers and writers."""

    def __init__(self, core: SceneCore, cache_folder: str) -> None:
        self._core = core
        self._scene = core.scene
        self._prepare_bundle_reading(cache_folder)
        self._readers: dict[str, Callable[[str, str, dict[str, Any]], Any]] = {
            "VolumeFile": self._load_volume,
            "SegmentationFile": self._load_segmentation,
            "MarkupsFile": self._load_markups,
            "ModelFile": lambda path, name, _: core.logics["Models"].AddModel(path),
            "TableFile": lambda path, name, _: core.logics["Tables"].AddTable(path, name),
            "TransformFile": lambda path, name, _: core.logics["Transforms"].AddTransform(path, self._scene),
        }

    def fileType(self, path: str) -> str:
        return next((kind for kind, endings in _FILE_TYPES.items() if str(path).lower().endswith(endings)), "NoFile")

    def loadNodes(self, kind: str, properties: dict[str, Any], loaded: Any = None, messages: Any = None) -> bool:
        path = Path(properties["fileName"])
        if not path.exists():
            return False
        if kind == "SceneFile":
            return self._load_scene(path, properties)
        name = properties.get("name") or path.name.split(".")[0]
        node = self._readers[kind](str(path), name, properties) if kind in self._readers else None
        if node is not None and loaded is not None:
            loaded.AddItem(node)
        return node is not None

    def saveNodes(self, kind: str, properties: dict[str, Any], messages: Any = None) -> bool:
        path = str(properties["fileName"])
        if kind == "SceneFile":
            return self._save_scene(path)
        node = self._scene.GetNodeByID(properties["nodeID"])
        node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        storage.SetFileName(path)
        storage.SetUseCompression(properties.get("useCompression", 1))
        return bool(storage.WriteData(node))

    def fileWriterFileType(self, node: Any) -> str:
        return node.GetClassName()

    def _load_volume(self, path: str, name: str, properties: dict[str, Any]) -> Any:
        if path.lower().endswith(picture_reader.ENDINGS):
            volume = picture_reader.load_picture(path, name)
        else:
            volume = self._load_archetype(path, name, properties)
        if volume is not None and properties.get("show", True):
            self._show_in_slices(volume)
        return volume

    def _load_archetype(self, path: str, name: str, properties: dict[str, Any]) -> Any:
        flags = {
            "labelmap": _LABELMAP,
            "center": _CENTERED,
            "singleFile": _SINGLE_FILE,
            "autoWindowLevel": _AUTO_WINDOW,
            "discardOrientation": _DISCARD_ORIENTATION,
        }
        options = sum(flag for key, flag in flags.items() if properties.get(key))
        files = None
        if properties.get("fileNames"):
            files = vtk.vtkStringArray()
            for file in properties["fileNames"]:
                files.InsertNextValue(str(file))
        return self._core.logics["Volumes"].AddArchetypeVolume(path, name, options, files)

    def _show_in_slices(self, volume: Any) -> None:
        selection = self._core.application_logic.GetSelectionNode()
        if volume.IsA("vtkMRMLLabelMapVolumeNode"):
            selection.SetActiveLabelVolumeID(volume.GetID())
        else:
            selection.SetActiveVolumeID(volume.GetID())
        self._core.application_logic.PropagateVolumeSelection()

    def _load_segmentation(self, path: str, name: str, _properties: dict[str, Any]) -> Any:
        segmentation = self._scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        storage = self._scene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
        storage.SetFileName(path)
        if not storage.ReadData(segmentation):
            self._scene.RemoveNode(segmentation)
            self._scene.RemoveNode(storage)
            return None
        segmentation.SetAndObserveStorageNodeID(storage.GetID())
        segmentation.CreateDefaultDisplayNodes()
        return segmentation

    def _load_markups(self, path: str, name: str, _properties: dict[str, Any]) -> Any:
        ids = self._core.logics["Markups"].LoadMarkups(path, name) or ""
        return self._scene.GetNodeByID(ids.split(",")[0])

    def _load_scene(self, path: Path, properties: dict[str, Any]) -> bool:
        if properties.get("clear"):
            self._scene.Clear(False)
        if path.suffix == ".mrb":
            return bool(self._scene.ReadFromMRB(str(path), False))
        self._scene.SetURL(str(path))
        return bool(self._scene.Import())

    def _save_scene(self, path: str) -> bool:
        self._scene.SetURL(path)
        self._scene.SetRootDirectory(str(Path(path).parent))
        return bool(self._scene.WriteToMRB(path) if path.endswith(".mrb") else self._scene.Commit(path))

    def _prepare_bundle_reading(self, cache_folder: str) -> None:
        self._remote = slicer.vtkMRMLRemoteIOLogic()
        self._data_io = slicer.vtkDataIOManagerLogic()
        for logic in (self._remote, self._data_io):
            logic.SetMRMLScene(self._scene)
            logic.SetMRMLApplicationLogic(self._core.application_logic)
        self._remote.GetCacheManager().SetRemoteCacheDirectory(cache_folder)
        self._data_io.SetAndObserveDataIOManager(self._remote.GetDataIOManager())
        self._remote.AddDataIOToScene()
