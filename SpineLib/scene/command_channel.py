# SPDX-License-Identifier: Apache-2.0
"""Commands for the worker over a private loopback connection.

Slicer's launcher of Python gives the child no standard input that the panel could write to. The panel therefore
listens on the loopback device, the child connects back, proves with a secret from its environment that it is the child
and reads the connection as its standard input. When Slicer ends, the connection ends, and so does the worker.

Run as `python -m SpineLib.scene.command_channel` this file is the child's side; it needs no Slicer.
"""

import hmac
import json
import os
import runpy
import secrets
import socket
import sys

ADDRESS_VARIABLE = "SPINE_COMMAND_ADDRESS"
SECRET_VARIABLE = "SPINE_COMMAND_SECRET"
GREETING_TIMEOUT_S = 5.0
WORKER_MODULE = "SpineLib.worker"


class CommandListener:
    """The panel's side: waits for one child that knows the secret."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._secret = secrets.token_hex(32)

    @property
    def environment(self) -> dict[str, str]:
        """What the child must find in its environment."""
        return {ADDRESS_VARIABLE: str(self._server.getsockname()[1]), SECRET_VARIABLE: self._secret}

    def accept(self, timeout_s: float) -> tuple[socket.socket, int] | None:
        """The child's connection and process id, or None when nobody with the secret called within `timeout_s`."""
        self._server.settimeout(timeout_s)
        try:
            connection, _ = self._server.accept()
        except TimeoutError:
            return None
        connection.settimeout(GREETING_TIMEOUT_S)
        try:
            greeting = json.loads(connection.makefile("r", encoding="utf-8").readline(4096))
            if hmac.compare_digest(str(greeting["secret"]), self._secret):
                connection.settimeout(None)
                return connection, int(greeting["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        connection.close()
        return None

    def close(self) -> None:
        self._server.close()


def run_worker() -> None:
    """The child's side: connect, lead a process group of its own, then be the worker."""
    port, secret = int(os.environ.pop(ADDRESS_VARIABLE)), os.environ.pop(SECRET_VARIABLE)
    if hasattr(os, "setsid"):
        # Slicer starts the child in its own group: without this, ending the child's group would end Slicer.
        os.setsid()
    connection = socket.create_connection(("127.0.0.1", port), GREETING_TIMEOUT_S)
    connection.settimeout(None)
    connection.sendall(json.dumps({"secret": secret, "pid": os.getpid()}).encode() + b"\n")
    sys.stdin = connection.makefile("r", encoding="utf-8")
    sys.argv = [WORKER_MODULE]
    runpy.run_module(WORKER_MODULE, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run_worker()
