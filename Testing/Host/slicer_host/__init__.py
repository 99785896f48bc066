# SPDX-License-Identifier: Apache-2.0
"""A Slicer-like process for tests: real MRML from PyPI's slicer-core, PySide6 in place of PythonQt.

`start()` makes `slicer`, `qt` and `ctk` importable the way scripted modules expect them. It can show that a module
loads, reacts to clicks, changes the scene and draws the right pixels. It cannot show what belongs to Slicer itself:
the real qMRML and ctk widgets, the Segment Editor, installing packages, Windows and macOS.
"""

from .host import Host, start

__all__ = ["Host", "start"]
