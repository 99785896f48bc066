# SPDX-License-Identifier: Apache-2.0
"""The sample film: made by the product's own synthesis, shipped with it, offered in Slicer's Sample Data module."""

from pathlib import Path
from typing import Any

import slicer

CATEGORY = "Spine"
SAMPLE_NAME = "SpinePhantomFilm"


def register(folder: Path) -> None:
    """Offer the film in `folder` (a module's Resources/SampleData) where Slicer has the Sample Data module."""
    try:
        import SampleData
    except ImportError:
        return
    film = folder / f"{SAMPLE_NAME}.nrrd"

    def load(_source: Any) -> Any:
        # From the installed file itself: no download, no copy in the cache.
        return slicer.util.loadVolume(str(film), {"name": SAMPLE_NAME})

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=SAMPLE_NAME,
        thumbnailFileName=str(folder / f"{SAMPLE_NAME}.png"),
        uris=film.as_uri(),
        fileNames=film.name,
        nodeNames=SAMPLE_NAME,
        customDownloader=load,
    )
