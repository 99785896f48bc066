# SPDX-License-Identifier: Apache-2.0
"""The sample film: made by the product's own synthesis, shipped with it, offered in Slicer's Sample Data module."""

from pathlib import Path
from typing import Any

import slicer

CATEGORY = "Spine"
SAMPLE_NAME = "SpinePhantomFilm"


def register(folder: Path) -> None:
    """Offer the film in `folder` (a module's Resources/SampleData) where Slicer has the Sample Data module."""
    film = folder / f"{SAMPLE_NAME}.dcm"
    try:
        import SampleData
    except ImportError:
        return

    def load(_source: Any) -> list[Any]:
        return [slicer.util.loadVolume(str(film), {"name": SAMPLE_NAME, "singleFile": True})]

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=SAMPLE_NAME,
        thumbnailFileName=str(folder / f"{SAMPLE_NAME}.png"),
        # Never fetched, for `load` opens the file; but Slicer takes no sample without an address.
        uris=[film.as_uri()],
        fileNames=[film.name],
        nodeNames=[SAMPLE_NAME],
        customDownloader=load,
    )
