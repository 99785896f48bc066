# SPDX-License-Identifier: Apache-2.0
"""The warm worker in a process of its own: started by Slicer's launcher, read by a thread, ended with all its children.

Nothing here knows what the messages mean; `worker_client` does. All public methods are for the main thread.
"""

import contextlib
import json
import queue
import socket
import subprocess
import threading
from collections import deque
from typing import Any

from SpineLib.scene.command_channel import CommandListener
from SpineLib.scene.python_process import kill_tree, launch

CHANNEL_MODULE = "SpineLib.scene.command_channel"
CONNECT_POLL_S = 0.2
LAST_LINES = 15
"""Lines of other output that are kept to explain a crash."""


class ChildProcess:
    """One worker process. `events` receives its messages as dicts, and `{"event": "exit"}` once at the very end."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.lastLines: deque[str] = deque(maxlen=LAST_LINES)
        self._listener = CommandListener()
        self._connection: Any = None
        self._workerPid: int | None = None
        self._unsent: list[bytes] = []
        self._lock = threading.Lock()
        self._process = launch(["-m", CHANNEL_MODULE], self._listener.environment)
        for work in (self._connect, self._read):
            threading.Thread(target=work, daemon=True).start()

    @property
    def isRunning(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Process id of the worker itself (not of Slicer's launcher in front of it), once it has called back."""
        return self._workerPid

    def send(self, message: dict[str, Any]) -> None:
        """Send one message; before the worker has called back it is kept until then."""
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            if self._connection is None:
                self._unsent.append(line)
                return
            try:
                self._connection.sendall(line)
            except OSError:
                # The worker is gone; the reader thread reports its end.
                self.lastLines.append("The connection to the worker is closed.")

    def kill(self) -> None:
        """End the worker and everything it started, at once."""
        kill_tree(self._process, self._workerPid)
        self._close()

    def stop(self, patience_s: float = 2.0) -> None:
        """Let the worker end by itself (its commands end), and end it when it does not."""
        self._close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def _connect(self) -> None:
        while self.isRunning:
            try:
                accepted = self._listener.accept(CONNECT_POLL_S)
            except OSError:
                return
            if accepted is None:
                continue
            with self._lock:
                self._connection, self._workerPid = accepted
                with contextlib.suppress(OSError):
                    self._connection.sendall(b"".join(self._unsent))
            self._listener.close()
            return

    def _read(self) -> None:
        for line in self._process.stdout:
            self._receive(line.strip())
        code = self._process.wait()
        self.events.put({"event": "exit", "code": code, "lines": list(self.lastLines)})

    def _receive(self, line: str) -> None:
        if not line:
            return
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if isinstance(message, dict) and "event" in message:
            self.events.put(message)
            return
        self.lastLines.append(line)
        self.events.put({"event": "log", "level": "info", "message": line})

    def _close(self) -> None:
        self._listener.close()
        with self._lock:
            if self._connection is not None:
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)
                self._connection.close()
