# SPDX-License-Identifier: Apache-2.0
"""Slicer's Sample Data module, as far as other modules register their samples with it.

It loads samples from `file://` addresses and downloads nothing. As in Slicer, a sample's own function
(`customDownloader`) is called by its button only: see `click`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModule

slicer.modules.sampleDataSources = {}


class SampleData(ScriptedLoadableModule):
    """Title and category."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Sample Data"
        parent.categories = ["Informatics"]


@dataclass(frozen=True)
class SampleDataSource:
    """One sample: its files, one entry each in the lists."""

    sampleName: str
    uris: list[str]
    fileNames: list[str]
    nodeNames: list[str | None]
    customDownloader: Callable[[SampleDataSource], Any] | None
    thumbnailFileName: str | None
    loadFileType: list[str | None]


class SampleDataLogic:
    """The registered samples by category."""

    @staticmethod
    def registerCustomSampleDataSource(
        category: str = "Custom",
        sampleName: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        customDownloader: Callable[[SampleDataSource], Any] | None = None,
        thumbnailFileName: str | None = None,
        loadFileType: Any = None,
        loadFiles: Any = None,
        loadFileProperties: dict[str, Any] | None = None,
        checksums: Any = None,
    ) -> None:
        """Offer a sample. As in Slicer, `uris` has to be there even where `customDownloader` needs none."""
        if uris is None:
            raise TypeError("Slicer cannot register a sample without uris")
        count = 1 if isinstance(uris, str) else len(uris)
        source = SampleDataSource(
            sampleName or "",
            _listed(uris, count),
            _listed(fileNames, count),
            _listed(nodeNames, count),
            customDownloader,
            thumbnailFileName,
            _listed(loadFileType, count),
        )
        if {len(source.fileNames), len(source.nodeNames), len(source.loadFileType)} != {count}:
            raise ValueError("All fields of sample data source must have the same length")
        slicer.modules.sampleDataSources.setdefault(category, []).append(source)

    def downloadSamples(self, sampleName: str) -> list[Any]:
        """The nodes of the sample of this name, from its addresses."""
        source = _source(sampleName)
        return [
            slicer.util.loadNodeFromFile(_local_file(uri), kind, {"name": name} if name else {})
            for uri, kind, name in zip(source.uris, source.loadFileType, source.nodeNames, strict=True)
        ]


def click(name: str) -> Any:
    """What a click on the sample's button does."""
    source = _source(name)
    if source.customDownloader is not None:
        return source.customDownloader(source)
    return SampleDataLogic().downloadSamples(name)


def _source(name: str) -> SampleDataSource:
    sources = [source for of_category in slicer.modules.sampleDataSources.values() for source in of_category]
    return next(source for source in sources if source.sampleName == name)


def _listed(value: Any, count: int) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value] * count


def _local_file(uri: str) -> Path:
    parts = urlparse(uri)
    if parts.scheme != "file":
        raise ValueError(f"The host does not download: {uri}")
    return Path(url2pathname(parts.path))
