# SPDX-License-Identifier: Apache-2.0
"""A child process that stays warm: JSON lines in on stdin, JSON lines out on stdout, UTF-8.

Requests
    {"id", "command": "segment", "image", "output", "name"?, "task"?, "options"?: {...}, "overlay"?, "report"?, "view"?,
     "modality"?, "spacing_known"?}
    {"command": "cancel", "id"}     {"command": "ping", "id"?}     {"command": "shutdown"}
Events
    {"event": "ready"}     {"id", "event": "pong"}     {"id", "event": "progress", "fraction", "message"}
    {"id", "event": "log", "level", "message"}
    {"id", "event": "result", "files": {...}, "warnings": [...], "summary": {...}}
    {"id", "event": "error", "code", "sentence", "hint"}
Every segment request ends with exactly one result or error. Requests are worked off one after the other; a cancel is
read at once and ends the work at its next step. The process ends when stdin is closed, and with `--watch-parent` also
when its parent is gone while some other process keeps the pipe open (not on Windows).
"""

import argparse
import contextlib
import json
import os
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NoReturn, TextIO

from SpineLib.core.errors import Cancelled, InputError, SpineError
from SpineLib.core.result import SpineResult
from SpineLib.tasks.job import Job, do
from SpineLib.tasks.names import stem
from SpineLib.tasks.options import SegmentOptions

KINDS = {
    **dict.fromkeys(("image", "output", "name", "task", "view", "modality"), str),
    **dict.fromkeys(("overlay", "report", "spacing_known"), bool),
    "options": dict,
}
PARENT_CHECK_SECONDS = 2.0
PATIENCE_SECONDS = 20.0
"""How long running work may take to notice that it was cancelled before the process ends all the same."""


class Channel:
    """Events out, one line each, from whichever thread. `closed` once nobody listens any more."""

    def __init__(self, stream: TextIO) -> None:
        self.closed = False
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, event: str, request: Any = None, **content: Any) -> None:
        head = {"event": event} if request is None else {"id": request, "event": event}
        line = json.dumps({**head, **content})
        with self._lock:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except OSError:
                self.closed = True


@dataclass
class Request:
    """A segment request in the queue."""

    content: dict[str, Any]
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def id(self) -> Any:
        return self.content.get("id")


class Worker:
    """Works off requests in one thread while another reads on."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._queue: SimpleQueue[Request | None] = SimpleQueue()
        self._pending: dict[Any, Request] = {}
        self._warm = threading.Event()
        self._thread = threading.Thread(target=self._work, name="work", daemon=True)

    def serve(self, lines: TextIO) -> None:
        """Read requests until the lines end or a shutdown is asked for."""
        self._thread.start()
        self._channel.send("ready")
        # Slicer's sudden end may break the connection, which is an end like any other.
        with contextlib.suppress(OSError):
            for line in lines:
                if line.strip() and not self._accept(line):
                    break
        self._stop()

    def _accept(self, line: str) -> bool:
        """Take one request; False for a shutdown."""
        try:
            content = json.loads(line)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            self._refuse(None, "A request was not a JSON object on one line.")
            return True
        command, request = content.get("command"), content.get("id")
        if command == "segment":
            self._enqueue(Request(content))
        elif command == "cancel":
            pending = self._pending.get(request) if isinstance(request, str | int) else None
            if pending is not None:
                pending.cancelled.set()
        elif command == "ping":
            self._channel.send("pong", request)
        elif command != "shutdown":
            self._refuse(request, f"There is no command {command!r}.")
        return command != "shutdown"

    def _enqueue(self, request: Request) -> None:
        if not isinstance(request.id, str | int) or request.id in self._pending:
            self._refuse(request.id, "A request needs an id that no other request in work has.")
            return
        self._pending[request.id] = request
        self._queue.put(request)

    def _refuse(self, request: Any, sentence: str) -> None:
        self._channel.send("error", request, **_content_of(InputError(sentence, "See SpineLib.worker.")))

    def _stop(self) -> None:
        for request in list(self._pending.values()):
            request.cancelled.set()
        self._queue.put(None)
        if self._warm.is_set() or self._pending:
            self._thread.join(PATIENCE_SECONDS)

    def _work(self) -> None:
        _warm_up()
        self._warm.set()
        while (request := self._queue.get()) is not None:
            event, content = self._answer(request)
            # Before the answer goes out: whoever hears it may use the same id again.
            del self._pending[request.id]
            self._channel.send(event, request.id, **content)

    def _answer(self, request: Request) -> tuple[str, dict[str, Any]]:
        """The last event of a request and its content."""

        def progress(fraction: float, message: str) -> None:
            if request.cancelled.is_set() or self._channel.closed:
                raise Cancelled()
            self._channel.send("progress", request.id, fraction=round(fraction, 3), message=message)

        try:
            job = job_of(request.content)
            result = do(job, progress)
        except SpineError as error:
            return "error", _content_of(error)
        except Exception as error:
            # The panel must hear of every request's end, whatever went wrong; the trace goes to its log.
            self._channel.send("log", request.id, level="error", message=crash_report(error))
            return "error", _content_of(SpineError("The program failed in an unexpected way.", "Its log says where."))
        files = {kind: str(path) for kind, path in job.files.items()}
        return "result", {"files": files, "warnings": list(result.warnings), "summary": summary(result)}


def _content_of(error: SpineError) -> dict[str, Any]:
    return {"code": error.exit_code, "sentence": error.sentence, "hint": error.hint}


def job_of(content: dict[str, Any]) -> Job:
    """The job a request describes. Raises InputError for what is missing or of the wrong kind."""
    for name in ("image", "output"):
        if not content.get(name):
            raise InputError(f'The request does not name its "{name}".', "See SpineLib.worker.")
    for name, kind in KINDS.items():
        if content.get(name) is not None and not isinstance(content[name], kind):
            raise InputError(f'The request\'s "{name}" is {content[name]!r}.', "See SpineLib.worker.")
    image = Path(content["image"])
    return Job(
        image=image,
        output=Path(content["output"]),
        name=content.get("name") or stem(image),
        task=content.get("task") or "auto",
        options=SegmentOptions.from_dict(content.get("options") or {}),
        overlay=bool(content.get("overlay")),
        report=bool(content.get("report")),
        view=content.get("view"),
        modality=content.get("modality"),
        spacing_known=content.get("spacing_known"),
    )


def summary(result: SpineResult) -> dict[str, Any]:
    """What a panel shows at once, without reading the files."""
    return {
        "found": not result.is_empty,
        "task": result.task,
        "measurements": [{"name": each.name, "value": each.value, "unit": each.unit} for each in result.measurements],
        "vertebrae": [
            {"level": each.level, "fracture": {"probability": each.fracture.probability} if each.fracture else None}
            for each in result.vertebrae
        ],
        "seconds": result.provenance.get("seconds", {}),
        "device": result.provenance.get("device"),
        "model": result.provenance.get("model"),
    }


def crash_report(error: BaseException) -> str:
    """Where an unexpected error came from: its kind and the lines of code, without paths, values or patient data."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return f"{type(error).__name__} at " + " > ".join(places)


def _warm_up() -> None:
    """Import the slow packages before the first request. Where one is missing, the request itself says so."""
    try:
        import monai.networks.nets  # noqa: F401
        import torch  # noqa: F401
    except Exception:
        return


def _watch_parent() -> None:
    """End soon after the process that started this one; the system hands orphans to another parent."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(0)


def _own_stdout() -> TextIO:
    """Keep stdout for events alone: whatever else prints, also from C, goes to stderr from now on."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    return events


def main(arguments: list[str] | None = None) -> NoReturn:
    parser = argparse.ArgumentParser(prog="python -m SpineLib.worker", description="Segment images on request.")
    parser.add_argument("--watch-parent", action="store_true", help="end when the parent process is gone")
    if parser.parse_args(arguments).watch_parent:
        threading.Thread(target=_watch_parent, name="parent", daemon=True).start()
    channel = Channel(_own_stdout())
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    Worker(channel).serve(sys.stdin)
    # The other thread may still be importing or computing: leaving in the usual way would wait for it or crash in it.
    os._exit(0)


if __name__ == "__main__":
    main()
