# SPDX-License-Identifier: Apache-2.0
"""The samples in Slicer's Sample Data module, made by the product's own synthesis: a film, which is shipped, and a CT.

The CT is made when it is asked for: its voxels are many and its recipe is short. Nothing is downloaded.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer

from SpineLib.core.errors import ResourceError
from SpineLib.scene.python_process import launch

CATEGORY = "Spine"
FILM, CT = "SpinePhantomFilm", "SpinePhantomCT"
CT_RECIPE = "--seed 7 --shape 112 112 150 --spacing 1.8 1.8 2.0 --level T12 --variant usual --fracture wedge"
"""Arguments of `spine synth ct`: the chest's end and the loins, with a broken vertebra."""
CT_WINDOW_HU, CT_LEVEL_HU = 1200, 250


def register(folder: Path) -> None:
    """Offer the samples, with the thumbnails in `folder` (a module's Resources/SampleData), where Slicer has the Sample
    Data module."""
    film = folder / f"{FILM}.nrrd"
    # From the installed file itself: no copy in the cache.
    _offer(FILM, folder, film, lambda _source: slicer.util.loadVolume(str(film), {"name": FILM}))
    _offer(CT, folder, folder / f"{CT}.nrrd", lambda _source: make_ct())


def make_ct() -> Any:
    """The synthetic CT as a new volume node; takes some seconds. Raises ResourceError where it cannot be made."""
    with tempfile.TemporaryDirectory(prefix="spine-sample-", dir=slicer.app.temporaryPath) as folder:
        process = launch(["-m", "SpineLib.cli", "synth", "ct", *CT_RECIPE.split(), "-o", folder])
        told, _ = process.communicate()
        made = sorted(Path(folder).glob("ct_????.nii.gz"))
        if process.returncode != 0 or not made:
            lines = told.strip().splitlines() or ["no reason given"]
            raise ResourceError(f"The sample CT could not be made: {lines[-1]}", "Try again; restart Slicer.")
        node = slicer.util.loadVolume(str(made[0]), {"name": CT})
    # Its file is gone, so Slicer shall ask for a place when the scene is saved.
    slicer.mrmlScene.RemoveNode(node.GetStorageNode())
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(CT_WINDOW_HU, CT_LEVEL_HU)
    return node


def _offer(name: str, folder: Path, file: Path, load: Callable[[Any], Any]) -> None:
    try:
        import SampleData
    except ImportError:
        return
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=name,
        thumbnailFileName=str(folder / f"{name}.png"),
        uris=file.as_uri(),
        fileNames=file.name,
        nodeNames=name,
        customDownloader=load,
    )
