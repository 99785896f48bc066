# SPDX-License-Identifier: Apache-2.0
"""The person in front of the screen: sees every dialog, answers as the test said beforehand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6 import QtWidgets

Answer = Any | Callable[[QtWidgets.QDialog], Any]


@dataclass(frozen=True)
class SeenDialog:
    """What a dialog showed: its kind (`question`, `critical`, ...), title, text and button names."""

    kind: str
    title: str
    text: str
    buttons: tuple[str, ...]


class UnexpectedDialog(AssertionError):
    """A dialog asked something and the test had not said what the user answers."""


class User:
    """Answers dialogs in the order of `will_answer`; remembers them in `seen`."""

    def __init__(self) -> None:
        self.seen: list[SeenDialog] = []
        self._answers: deque[Answer] = deque()

    def will_answer(self, *answers: Answer) -> None:
        """Answer the next dialogs: a button of QMessageBox, a file name, or a function of the open dialog."""
        self._answers.extend(answers)

    def forget(self) -> None:
        self.seen.clear()
        self._answers.clear()

    @property
    def texts(self) -> list[str]:
        return [dialog.text for dialog in self.seen]

    @property
    def answers_left(self) -> int:
        return len(self._answers)

    def run(self, dialog: QtWidgets.QDialog) -> Any:
        """Stands for QDialog.exec: never waits."""
        seen = _describe(dialog)
        self.seen.append(seen)
        if not self._answers and len(seen.buttons) <= 1 and isinstance(dialog, QtWidgets.QMessageBox):
            return _only_button(dialog)
        answer = self._next_answer(seen)
        return answer(dialog) if callable(answer) and not isinstance(answer, type) else answer

    def choose_file(self, title: str) -> str:
        """Stands for the file dialogs; the answer is a path, or "" for Cancel."""
        seen = SeenDialog("file", title, "", ())
        self.seen.append(seen)
        return str(self._next_answer(seen))

    def _next_answer(self, seen: SeenDialog) -> Answer:
        if not self._answers:
            raise UnexpectedDialog(f"A dialog is open and nobody was told to answer it: {seen.title}: {seen.text}")
        return self._answers.popleft()

    def take_over_dialogs(self) -> None:
        """From now on this user answers every dialog of the process."""
        for dialog_class in (QtWidgets.QDialog, QtWidgets.QMessageBox):
            dialog_class.exec = dialog_class.exec_ = lambda dialog: self.run(dialog)
        for name in ("getOpenFileName", "getSaveFileName", "getExistingDirectory"):
            setattr(QtWidgets.QFileDialog, name, staticmethod(self._file_dialog))

    def _file_dialog(self, parent: Any = None, title: str = "", *_: Any) -> str:
        return self.choose_file(title)


def _describe(dialog: QtWidgets.QDialog) -> SeenDialog:
    if not isinstance(dialog, QtWidgets.QMessageBox):
        return SeenDialog("dialog", dialog.windowTitle.strip(), "", ())
    buttons = tuple(button.text.replace("&", "") for button in _answers_of(dialog))
    return SeenDialog(dialog.icon.name.lower(), dialog.windowTitle.strip(), dialog.text, buttons)


def _answers_of(box: QtWidgets.QMessageBox) -> list[QtWidgets.QAbstractButton]:
    """The buttons that close the box; "Show Details" does not."""
    return [b for b in box.buttons() if box.buttonRole(b) != QtWidgets.QMessageBox.ButtonRole.ActionRole]


def _only_button(box: QtWidgets.QMessageBox) -> Any:
    buttons = _answers_of(box)
    return box.standardButton(buttons[0]) if buttons else QtWidgets.QMessageBox.StandardButton.Ok
