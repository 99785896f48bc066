# SPDX-License-Identifier: Apache-2.0
"""The host's widgets behave as PythonQt's: attributes, signals by signature, no invented attributes."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

pytest_plugins = ["mrml_fixtures"]


@pytest.fixture
def qt(qt_host: Any) -> Any:
    import qt

    return qt


@pytest.fixture
def ctk(qt_host: Any) -> Any:
    import ctk

    return ctk


def test_properties_are_attributes_and_no_calls(qt: Any) -> None:
    bar = qt.QProgressBar()
    bar.maximum = 10
    bar.value = 7
    assert (bar.value, bar.maximum) == (7, 10)
    with pytest.raises(TypeError):
        bar.value()


def test_numbers_are_taken_for_flags(qt: Any) -> None:
    button = qt.QPushButton("Go")
    button.enabled = 0
    assert button.enabled is False


def test_setters_stay_callable(qt: Any) -> None:
    label = qt.QLabel()
    label.setText("text")
    assert label.text == "text"


def test_misspelt_attribute_is_refused(qt: Any, ctk: Any) -> None:
    import slicer

    for widget in (qt.QPushButton(), ctk.ctkSliderWidget(), slicer.qMRMLNodeComboBox()):
        with pytest.raises(AttributeError, match="tooltip"):
            widget.tooltip = "it is toolTip"


def test_static_function_with_a_property_of_the_same_name_can_be_called(qt: Any, qt_host: Any) -> None:
    calls: list[str] = []
    qt.QTimer.singleShot(0, lambda: calls.append("fired"))
    qt_host.wait_until(lambda: calls)
    assert calls == ["fired"]


def test_slot_takes_as_many_values_as_it_wants(qt: Any) -> None:
    button = qt.QPushButton()
    calls: list[Any] = []
    button.connect("clicked(bool)", lambda: calls.append("none"))
    button.connect("clicked(bool)", calls.append)
    button.connect("clicked()", lambda: calls.append("short form"))
    button.click()
    assert calls == ["none", False, "short form"]


def test_disconnected_slot_is_called_no_more(qt: Any) -> None:
    button = qt.QPushButton()
    calls: list[Any] = []
    button.connect("clicked(bool)", calls.append)
    button.disconnect("clicked(bool)", calls.append)
    button.click()
    assert calls == []


def test_overloaded_signal_sends_the_type_asked_for(qt: Any) -> None:
    combo = qt.QComboBox()
    combo.addItems(["a", "b"])
    seen: list[Any] = []
    combo.connect("currentIndexChanged(int)", seen.append)
    combo.connect("currentTextChanged(QString)", seen.append)
    combo.currentIndex = 1
    assert sorted(map(str, seen)) == ["1", "b"]


def test_signal_that_does_not_exist_is_an_error(qt: Any) -> None:
    with pytest.raises(ValueError, match="no signal clickd"):
        qt.QPushButton().connect("clickd(bool)", print)


def test_slider_offers_python_only_what_slicer_offers(ctk: Any) -> None:
    slider = ctk.ctkSliderWidget()
    slider.minimum, slider.maximum, slider.decimals = 0, 10, 0
    values: list[float] = []
    slider.connect("valueChanged(double)", values.append)
    slider.value = 4
    slider.setValue(12)
    assert values == [4, 10]
    assert not hasattr(slider, "setRange") and not hasattr(slider, "setMinimum")


def test_collapsible_button_hides_what_is_in_it(qt: Any, ctk: Any) -> None:
    box = ctk.ctkCollapsibleButton()
    box.text = "Log"
    layout = qt.QVBoxLayout(box)
    line = qt.QLabel("line")
    layout.addWidget(line)
    box.show()
    changes: list[bool] = []
    box.connect("contentsCollapsed(bool)", changes.append)
    box.collapsed = True
    assert not line.visible and not box.checked
    box.click()
    assert line.visible and box.checked and changes == [True, False]


def test_path_line_tells_of_new_paths(ctk: Any) -> None:
    edit = ctk.ctkPathLineEdit()
    edit.filters = ctk.ctkPathLineEdit.Files | ctk.ctkPathLineEdit.Readable
    paths: list[str] = []
    edit.connect("currentPathChanged(QString)", paths.append)
    edit.currentPath = "/films/one.png"
    assert edit.currentPath == "/films/one.png" and paths == ["/films/one.png"]


def test_node_combo_box_follows_the_scene_and_forgets_removed_nodes(scene: Any) -> None:
    import slicer

    combo = slicer.qMRMLNodeComboBox()
    combo.nodeTypes = ["vtkMRMLSegmentationNode"]
    combo.baseName = "Spine"
    combo.setMRMLScene(scene)
    changes: list[Any] = []
    combo.connect("currentNodeChanged(vtkMRMLNode*)", changes.append)
    node = combo.addNode()
    assert node.GetName() == "Spine" and combo.currentNode() is node
    scene.RemoveNode(node)
    assert combo.currentNode() is None and combo.nodeCount() == 0
    assert changes == [node, None]


def test_node_combo_box_offers_only_nodes_with_the_attribute(scene: Any) -> None:
    import slicer

    combo = slicer.qMRMLNodeComboBox()
    combo.nodeTypes = ["vtkMRMLScriptedModuleNode"]
    combo.showHidden = True
    combo.addAttribute("vtkMRMLScriptedModuleNode", "Kind", "wanted")
    combo.setMRMLScene(scene)
    for kind in ("wanted", "other"):
        scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", kind).SetAttribute("Kind", kind)
    assert [combo.nodeFromIndex(i).GetName() for i in range(combo.nodeCount())] == ["wanted"]


def test_names_of_slicer_util_are_not_names_of_slicer(qt_host: Any) -> None:
    import slicer

    assert not hasattr(slicer, "loadVolume") and callable(slicer.util.loadVolume)


def test_console_process_runs_python_slicer_outside_this_process(qt_host: Any) -> None:
    import slicer

    code = "import os, sys; print(os.getpid()); print(os.environ['GREETING'])"
    for interpreter in (sys.executable, "PythonSlicer"):
        process = slicer.util.launchConsoleProcess(
            [interpreter, "-c", code], useStartupEnvironment=False, updateEnvironment={"GREETING": "hello"}
        )
        output, _ = process.communicate(timeout=60)
        pid, greeting = output.split()
        assert process.returncode == 0 and int(pid) != os.getpid() and greeting == "hello"


def test_file_dialogs_return_what_the_user_picks(qt: Any, qt_host: Any) -> None:
    qt_host.user.will_answer("/films/one.png", "")
    assert qt.QFileDialog.getOpenFileName(None, "Film") == "/films/one.png"
    assert qt.QFileDialog.getExistingDirectory(None, "Folder") == ""
    assert [dialog.title for dialog in qt_host.user.seen] == ["Film", "Folder"]
