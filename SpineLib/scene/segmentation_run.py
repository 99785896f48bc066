# SPDX-License-Identifier: Apache-2.0
"""One image on its way through the worker: private temporary files, request, result node, and always the clean-up."""

import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import slicer

from SpineLib import tasks
from SpineLib.core.errors import InputError, SpineError
from SpineLib.core.result import SpineResult
from SpineLib.io import read_result
from SpineLib.scene.show import show_result
from SpineLib.scene.vertebrae_from_node import write_vertebrae
from SpineLib.scene.volume_from_node import volume_from_node, write_volume
from SpineLib.scene.worker_client import Listener, WorkerClient

NAME = "image"
VERTEBRAE = "vertebrae.seg.nrrd"


def ignore(*_: Any) -> None:
    """Listen to nothing."""


@dataclass(frozen=True)
class Callbacks:
    """Whom a run tells: exactly one of onFinished(node, result) and onError(error) is called, at the end."""

    onProgress: Callable[[float, str], None] = ignore
    onLog: Callable[[str], None] = ignore
    onFinished: Callable[[Any, SpineResult], None] = ignore
    onError: Callable[[SpineError], None] = ignore


class SegmentationRun:
    """Segments one volume node. Nodes are held by reference: after the scene was closed ids name other nodes."""

    def __init__(self, client: WorkerClient, volumeNode: Any, segmentationNode: Any, callbacks: Callbacks) -> None:
        self._client = client
        self._volumeNode = volumeNode
        self._segmentationNode = segmentationNode
        self._callbacks = callbacks
        self._folder = Path()
        self._source: dict[str, Any] = {}

    def start(self, task: str, options: dict[str, Any], vertebraeNode: Any = None) -> None:
        """Write the image, and the vertebrae where they are given, and send the request. Raises a SpineError when it
        cannot even begin."""
        volume = volume_from_node(self._volumeNode)
        self._source = dict(volume.source)
        # Only here is all known that Slicer knows of the image: the file for the worker has no header of a DICOM image.
        task = tasks.choose(volume, task)
        self._folder = Path(tempfile.mkdtemp(prefix="spine-", dir=slicer.app.temporaryPath))
        image = self._folder / f"{NAME}.nrrd"
        given = self._folder / VERTEBRAE
        if vertebraeNode is not None:
            options = {**options, "vertebrae": str(given)}
        request = {
            "command": "segment",
            "image": str(image),
            "output": str(self._folder / "result"),
            "name": NAME,
            "task": task,
            "options": options,
            "view": volume.view,
            "modality": volume.modality,
            "spacing_known": volume.spacing_known,
        }
        try:
            if vertebraeNode is not None:
                write_vertebrae(vertebraeNode, self._volumeNode, given)
            write_volume(volume, image)
            self._client.start(request, self._listener())
        except SpineError:
            self._clean_up()
            raise

    def _listener(self) -> Listener:
        return Listener(self._callbacks.onProgress, self._callbacks.onLog, self._on_result, self._on_error)

    def _on_result(self, message: dict[str, Any]) -> None:
        try:
            result = read_result(message["files"]["segmentation"], message["files"]["json"])
            # The worker knows a temporary file only.
            result = replace(result, provenance={**result.provenance, "input": self._source})
            node = self._show(result)
        except SpineError as error:
            self._on_error(error)
            return
        except Exception as error:
            # Whoever waits must hear of the end, whatever went wrong.
            logging.exception("The result could not be shown")
            self._on_error(SpineError(f"The result could not be shown: {error}", "The Python console says where."))
            return
        self._clean_up()
        self._callbacks.onFinished(node, result)

    def _on_error(self, error: SpineError) -> None:
        self._clean_up()
        self._callbacks.onError(error)

    def _show(self, result: SpineResult) -> Any:
        if self._volumeNode.GetScene() is None:
            raise InputError("The input volume was removed from the scene during the work.", "Load the image again.")
        output = self._segmentationNode
        if output is not None and output.GetScene() is None:
            output = None
        return show_result(result, self._volumeNode, output)

    def _clean_up(self) -> None:
        # Windows may still hold a file of a worker that was ended; what stays lies in Slicer's temporary folder.
        shutil.rmtree(self._folder, ignore_errors=True)
