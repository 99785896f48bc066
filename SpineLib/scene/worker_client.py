# SPDX-License-Identifier: Apache-2.0
"""Talks to the warm worker: one request at a time, its progress, its result or its one error, and cancel."""

import functools
import logging
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import qt
import slicer

from SpineLib.core.errors import ERRORS_BY_EXIT_CODE, Cancelled, InputError, ResourceError, SpineError
from SpineLib.scene.child_process import ChildProcess

POLL_INTERVAL_MS = 50
CANCEL_PATIENCE_S = 3.0
"""How long a worker that was asked to stop may go on before its whole process tree is ended."""


@dataclass(frozen=True)
class Listener:
    """Who wants to know. `onResult` gets the worker's result message; exactly one of it and `onError` is called."""

    onProgress: Callable[[float, str], None]
    onLog: Callable[[str], None]
    onResult: Callable[[dict[str, Any]], None]
    onError: Callable[[SpineError], None]


class WorkerClient:
    """Keeps one worker warm between requests; a Qt timer delivers its messages in the main thread."""

    def __init__(self) -> None:
        self._child: ChildProcess | None = None
        self._listener: Listener | None = None
        self._request = ""
        self._count = 0
        self._cancelDeadline: float | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_INTERVAL_MS)
        self._timer.connect("timeout()", self.poll)

    @property
    def isBusy(self) -> bool:
        return self._listener is not None

    @property
    def childPid(self) -> int | None:
        """Process id of the running worker, for diagnosis."""
        return self._child.pid if self._child else None

    def start(self, request: dict[str, Any], listener: Listener) -> None:
        """Send `request` (its id is added here). Raises InputError while another request is under way."""
        if self.isBusy:
            raise InputError("A segmentation is already running.", "Wait until it has finished, or cancel it.")
        if self._child is None or not self._child.isRunning:
            self._child = ChildProcess()
        self._count += 1
        self._request, self._listener, self._cancelDeadline = str(self._count), listener, None
        self._child.send({**request, "id": self._request})
        self._timer.start()

    def cancel(self) -> None:
        """Ask the worker to stop; `onError(Cancelled)` follows, at the latest after `CANCEL_PATIENCE_S`."""
        if self._child is None or not self.isBusy or self._cancelDeadline is not None:
            return
        self._cancelDeadline = time.monotonic() + CANCEL_PATIENCE_S
        self._child.send({"command": "cancel", "id": self._request})

    def wait(self) -> None:
        """Block until the request has ended; the window goes on being painted."""
        while self.isBusy:
            self.poll()
            slicer.app.processEvents()
            time.sleep(POLL_INTERVAL_MS / 1000)

    def shutdown(self) -> None:
        """End the worker now, whatever it does; a request under way ends as cancelled."""
        if self._child is not None:
            if self.isBusy:
                self._child.kill()
            else:
                self._child.stop()
            self._child = None
        self._fail(Cancelled())

    def poll(self) -> None:
        """Deliver what the worker has said since the last call."""
        while self._child is not None:
            try:
                message = self._child.events.get_nowait()
            except queue.Empty:
                break
            self._deliver(message)
        if self._cancelDeadline is not None and time.monotonic() > self._cancelDeadline:
            self._abandon(Cancelled())

    def _deliver(self, message: dict[str, Any]) -> None:
        event = message["event"]
        if event == "exit":
            self._child = None
            self._fail(Cancelled() if self._cancelDeadline is not None else _crash(message))
        elif event == "log":
            logging.info("Spine worker: %s", message.get("message", ""))
            if self._listener is not None:
                self._listener.onLog(str(message.get("message", "")))
        elif self._listener is None or message.get("id") != self._request:
            return
        elif event == "progress":
            self._listener.onProgress(float(message["fraction"]), str(message["message"]))
        elif event == "result":
            self._end().onResult(message)
        elif event == "error":
            self._fail(_error_of(message))

    def _abandon(self, error: SpineError) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None
        self._fail(error)

    def _fail(self, error: SpineError) -> None:
        if self._listener is not None:
            self._end().onError(error)

    def _end(self) -> Listener:
        """Close the request before anybody is told, so that the listener may start the next one."""
        listener, self._listener, self._cancelDeadline = self._listener, None, None
        self._timer.stop()
        assert listener is not None
        return listener


@functools.cache
def shared_client() -> WorkerClient:
    """The one client of this Slicer: the panel and scripts use the same warm worker."""
    return WorkerClient()


def _error_of(message: dict[str, Any]) -> SpineError:
    kind = ERRORS_BY_EXIT_CODE.get(message.get("code", 1), SpineError)
    return kind(str(message.get("sentence", "")), str(message.get("hint", "")))


def _crash(message: dict[str, Any]) -> ResourceError:
    said = " | ".join(message["lines"][-3:]) or "nothing"
    return ResourceError(
        f"The worker process ended unexpectedly (exit code {message['code']}); its last words: {said}.",
        "Try again; if it happens again, close other programs to free memory and see the log.",
    )
