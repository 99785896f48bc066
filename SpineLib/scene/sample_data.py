# SPDX-License-Identifier: Apache-2.0
"""The samples in Slicer's Sample Data module, made by the product's own synthesis: a film, which is shipped, and a CT.

The CT is made when its button is clicked: its voxels are many and its recipe is short. Nothing is downloaded.
Slicer asks nothing but the buttons to load a sample by its own function; scripts call `load_film` and `make_ct`.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from SpineLib.core.errors import ResourceError, SpineError
from SpineLib.scene.python_process import kill_tree, launch, lines_of

CATEGORY = "Spine"
FILM, CT = "SpinePhantomFilm", "SpinePhantomCT"
CT_RECIPE = "--seed 7 --shape 112 112 150 --spacing 1.8 1.8 2.0 --level T12 --variant usual --fracture wedge"
"""Arguments of `spine synth ct`: the chest's end and the loins, with a broken vertebra."""
CT_WINDOW_HU, CT_LEVEL_HU = 1200, 250


def register(folder: Path) -> None:
    """Offer the samples, with the thumbnails in `folder` (a module's Resources/SampleData), where Slicer has the Sample
    Data module."""
    _offer(FILM, folder, lambda _source: load_film(folder))
    _offer(CT, folder, lambda _source: _make_ct_or_tell())


def load_film(folder: Path) -> Any:
    """The shipped film as a new volume node. Saving the scene does not write to where it is installed."""
    node = slicer.util.loadVolume(str(folder / f"{FILM}.nrrd"), {"name": FILM})
    slicer.mrmlScene.RemoveNode(node.GetStorageNode())
    return node


def make_ct() -> Any:
    """The synthetic CT as a new volume node; takes some seconds. Raises ResourceError where it cannot be made."""
    from SpineLib.io.reading import read

    with tempfile.TemporaryDirectory(prefix="spine-sample-", dir=slicer.app.temporaryPath) as folder:
        _synthesize(folder)
        ct = read(next(Path(folder).glob("ct_????.nii.gz")))
    # Not loaded as a file, which would stay in the list of recent ones.
    node = slicer.util.addVolumeFromArray(ct.voxels.transpose(2, 1, 0), ct.affine, CT)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(CT_WINDOW_HU, CT_LEVEL_HU)
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    return node


def _synthesize(folder: str) -> None:
    process = launch(["-m", "SpineLib.cli", "synth", "ct", *CT_RECIPE.split(), "-o", folder])
    told = ["no reason was given"]
    try:
        told += [line for line in lines_of(process) if line.strip()]
        if process.wait() != 0:
            raise ResourceError(f"The sample CT could not be made: {told[-1].strip()}", "Try again; restart Slicer.")
    finally:
        kill_tree(process)


def _make_ct_or_tell() -> Any:
    """Slicer itself shows no error of a sample."""
    slicer.util.showStatusMessage(_("Making the sample CT"))
    try:
        return make_ct()
    except SpineError as error:
        slicer.util.errorDisplay(f"{error.sentence}\n\n{error.hint}", windowTitle=CT)
        return None
    finally:
        slicer.util.showStatusMessage("")


def _offer(name: str, folder: Path, load: Callable[[Any], Any]) -> None:
    try:
        import SampleData
    except ImportError:
        return
    # Slicer wants an address and a file name even where a function loads the sample.
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=name,
        thumbnailFileName=str(folder / f"{name}.png"),
        uris=(folder / f"{name}.nrrd").as_uri(),
        fileNames=f"{name}.nrrd",
        nodeNames=name,
        customDownloader=load,
    )
