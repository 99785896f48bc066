# SPDX-License-Identifier: Apache-2.0
"""Stand-ins of the qMRML widgets that the panels use, bound to the real scene."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6 import QtCore, QtWidgets

from .pythonqt import ui_loader
from .widget_properties import stored

_CREATE = "create a node"


class qMRMLWidget(QtWidgets.QWidget):
    """A widget that knows the scene."""

    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        if scene is not self._scene:
            self._scene = scene
            self._on_scene_set()
            self.mrmlSceneChanged.emit(scene)

    def _on_scene_set(self) -> None:
        """What a derived widget does with a new scene."""


class qMRMLNodeComboBox(qMRMLWidget):
    """Offers the nodes of some types. As in Slicer, it selects nothing by itself at first, but goes on to a neighbor
    when the selected node is removed."""

    currentNodeChanged = QtCore.Signal(object)
    currentNodeIDChanged = QtCore.Signal(str)
    nodeAboutToBeRemoved = QtCore.Signal(object)
    nodeAddedByUser = QtCore.Signal(object)
    nodeActivated = QtCore.Signal(object)

    nodeTypes = stored("QStringList", "nodeTypes", [], changed="_refill")
    noneEnabled = stored(bool, "noneEnabled", False, changed="_refill")
    noneDisplay = stored(str, "noneDisplay", "None", changed="_refill")
    showHidden = stored(bool, "showHidden", False, changed="_refill")
    showChildNodeTypes = stored(bool, "showChildNodeTypes", True, changed="_refill")
    addEnabled = stored(bool, "addEnabled", True, changed="_refill")
    removeEnabled = stored(bool, "removeEnabled", True)
    editEnabled = stored(bool, "editEnabled", False)
    renameEnabled = stored(bool, "renameEnabled", False)
    selectNodeUponCreation = stored(bool, "selectNodeUponCreation", True)
    baseName = stored(str, "baseName", "")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._combo = QtWidgets.QComboBox()
        self._choices: list[str] = []
        self._current_id = ""
        self._required_attributes: list[tuple[str, str, str | None]] = []
        self._observed: list[tuple[Any, int]] = []
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._combo)
        self._combo.activated.connect(self._on_activated)

    def currentNode(self) -> Any:
        return self._scene.GetNodeByID(self._current_id) if self._scene and self._current_id else None

    def setCurrentNode(self, node: Any) -> None:
        self.setCurrentNodeID(node.GetID() if node else "")

    def setCurrentNodeID(self, node_id: str) -> None:
        known = {node.GetID() for node in self._nodes()}
        self._select(node_id if node_id in known else "")

    currentNodeID = QtCore.Property(str, lambda self: self._current_id, setCurrentNodeID)

    def setCurrentNodeIndex(self, index: int) -> None:
        self.setCurrentNode(self.nodeFromIndex(index))

    def nodeFromIndex(self, index: int) -> Any:
        return self._nodes()[index]

    def nodeCount(self) -> int:
        return len(self._nodes())

    def addAttribute(self, node_type: str, name: str, value: str | None = None) -> None:
        """Offer nodes of this type only with this attribute (and value)."""
        self._required_attributes.append((node_type, name, value))
        self._refill()

    def addNode(self, node_type: str = "") -> Any:
        node_type = node_type or self.nodeTypes[0]
        name = self._scene.GenerateUniqueName(self.baseName or _short_name(node_type))
        node = self._scene.AddNewNodeByClass(node_type, name)
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        self.nodeAddedByUser.emit(node)
        return node

    def children(self) -> list[QtCore.QObject]:
        return []

    def _on_scene_set(self) -> None:
        for subject, tag in self._observed:
            subject.RemoveObserver(tag)
        events = slicer.vtkMRMLScene
        watched = (
            events.NodeAddedEvent,
            events.NodeRemovedEvent,
            events.EndCloseEvent,
            events.EndImportEvent,
            events.EndBatchProcessEvent,
        )
        scene = self._scene
        self._observed = [(scene, scene.AddObserver(e, lambda *_: self._refill())) for e in watched] if scene else []

        @vtk.calldata_type(vtk.VTK_OBJECT)
        def on_node_about_to_be_removed(_caller: Any, _event: str, node: Any = None) -> None:
            if node is not None and node.GetID() in self._choices:
                self.nodeAboutToBeRemoved.emit(node)

        if scene:
            tag = scene.AddObserver(events.NodeAboutToBeRemovedEvent, on_node_about_to_be_removed)
            self._observed.append((scene, tag))
        self._refill()

    def _nodes(self) -> list[Any]:
        if not self._scene:
            return []
        found: dict[str, Any] = {}
        for node_type in self.nodeTypes:
            for node in slicer.util.getNodesByClass(node_type, self._scene):
                if self._is_offered(node, node_type):
                    found.setdefault(node.GetID(), node)
        return list(found.values())

    def _is_offered(self, node: Any, node_type: str) -> bool:
        if node.GetHideFromEditors() and not self.showHidden:
            return False
        if not self.showChildNodeTypes and node.GetClassName() != node_type:
            return False
        return all(
            node.GetAttribute(name) is not None and value in (None, node.GetAttribute(name))
            for required_type, name, value in self._required_attributes
            if node.IsA(required_type)
        )

    def _refill(self) -> None:
        if "_observed" not in self.__dict__:
            return
        nodes = self._nodes()
        before = self._choices.index(self._current_id) if self._current_id in self._choices else -1
        choices = [("", self.noneDisplay)] if self.noneEnabled else []
        choices += [(node.GetID(), node.GetName()) for node in nodes]
        if self.addEnabled and self.nodeTypes:
            choices.append((_CREATE, f"Create new {_short_name(self.nodeTypes[0])}"))
        self._choices = [choice for choice, _ in choices]
        self._combo.blockSignals(True)
        self._combo.clear()
        self._combo.addItems([text for _, text in choices])
        self._combo.blockSignals(False)
        self._show_current()
        if self._current_id and self._current_id not in self._choices:
            self._select(self._neighbor(before) if self._scene and not self._scene.IsClosing() else "")

    def _neighbor(self, row: int) -> str:
        """The node that takes the place of a removed one: QComboBox goes one row up, and Slicer takes the last node
        where it meets a row that is none."""
        choice = self._choices[min(max(row - 1, 0), len(self._choices) - 1)] if self._choices else ""
        nodes = self._nodes()
        return choice if choice != _CREATE else nodes[-1].GetID() if nodes else ""

    def _select(self, node_id: str) -> None:
        if node_id == self._current_id:
            return
        if node_id and node_id not in self._choices:
            self._refill()
        self._current_id = node_id
        self._show_current()
        self.currentNodeChanged.emit(self.currentNode())
        self.currentNodeIDChanged.emit(node_id)

    def _show_current(self) -> None:
        index = self._choices.index(self._current_id) if self._current_id in self._choices else -1
        self._combo.blockSignals(True)
        self._combo.setCurrentIndex(index)
        self._combo.blockSignals(False)

    def _on_activated(self, index: int) -> None:
        choice = self._choices[index]
        node = self.addNode() if choice == _CREATE else self._scene.GetNodeByID(choice) if choice else None
        self.setCurrentNode(node)
        self.nodeActivated.emit(node)


def _short_name(node_type: str) -> str:
    return node_type.removeprefix("vtkMRML").removesuffix("Node")


WIDGETS = (qMRMLWidget, qMRMLNodeComboBox)
ui_loader.register(*WIDGETS)
