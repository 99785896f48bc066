# SPDX-License-Identifier: Apache-2.0
"""The tutorial's pictures: the panels after one click on the sample film and on the sample CT, drawn by the test host.

Usage: make_panel_picture.py [film] [fracture], after `make test` has installed what the test host needs; both without.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]
SCREENSHOTS = Path(__file__).resolve().parent / "Screenshots"
FILM_PANEL_PX, FRACTURE_PANEL_PX = (460, 760), (600, 900)
NAMES_PX = (240, 430)
LONGEST_WAIT_S = 600
sys.path.insert(0, str(REPOSITORY / "Testing" / "Host"))


def main() -> None:
    import slicer_host

    host = slicer_host.start()
    for module in ("SpineSegmentation", "SpineFracture"):
        host.load_modules(REPOSITORY / module)
    pictures = {"film": film_picture, "fracture": fracture_picture}
    for name in sys.argv[1:] or pictures:
        pictures[name](host)
    host.close_modules()


def film_picture(host) -> None:
    panel = host.open_module("SpineSegmentation")
    film = sample("SpinePhantomFilm")
    segment(panel, film, host)
    view = host.app.layoutManager().slice_views["Red"]
    view.show(film)
    side_by_side(panel_picture(panel, FILM_PANEL_PX, host), picture_of(view)).save(
        SCREENSHOTS / "panel.png", optimize=True
    )
    host.scene.Clear(False)


def fracture_picture(host) -> None:
    import slicer

    panel = host.open_module("SpineFracture")
    segment(panel, sample("SpinePhantomCT"), host)
    panel.ui.showButton.click()
    panel.onRow(0)
    views = host.app.layoutManager()
    fit_sagittal(views.slice_views["Yellow"])
    views.three_d_view.node.SetUseDepthPeeling(True)
    views.three_d_view.node.SetBoxVisible(False)
    views.three_d_view.fit(slicer.vtkMRMLCameraNode.Right)
    in_3d = picture_of(views.three_d_view)
    names = in_3d.copy()
    names.thumbnail((NAMES_PX[1] * 4, NAMES_PX[1]))
    left = (names.width - NAMES_PX[0]) // 2
    names.crop((left, 0, left + NAMES_PX[0], NAMES_PX[1])).save(SCREENSHOTS / "names-in-3d.webp", quality=55, method=6)
    side_by_side(
        panel_picture(panel, FRACTURE_PANEL_PX, host),
        in_3d,
        picture_of(views.slice_views["Yellow"]),
    ).save(SCREENSHOTS / "fracture-panel.png", optimize=True)
    host.scene.Clear(False)


def sample(name):
    """A sample as its button in the Sample Data module loads it."""
    import SampleData

    return SampleData.click(name)


def segment(panel, volume, host) -> None:
    panel.ui.inputSelector.setCurrentNode(volume)
    panel.ui.segmentButton.click()
    host.wait_until(lambda: not panel.isRunning, LONGEST_WAIT_S)


def fit_sagittal(view) -> None:
    """Fill the view with the scan's height, at the place it shows."""
    offset = view.logic.GetSliceOffset()
    view.logic.FitSliceToBackground()
    view.logic.SetSliceOffset(offset)


def panel_picture(panel, size_px, host) -> Image.Image:
    window = panel.parent
    window.resize(*size_px)
    window.show()
    host.app.processEvents()
    shot = window.grab().toImage().convertToFormat(window.grab().toImage().Format.Format_RGB888)
    rows = np.frombuffer(shot.constBits(), np.uint8).reshape(shot.height(), shot.bytesPerLine())
    return Image.fromarray(rows[:, : 3 * shot.width()].reshape(shot.height(), shot.width(), 3).copy())


def picture_of(view) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(view.picture()))


def side_by_side(panel: Image.Image, *views: Image.Image) -> Image.Image:
    """The panel, and beside it the views, one upon the other, together as high."""
    high = panel.height // len(views)
    scaled = [view.resize((round(view.width * high / view.height), high), Image.LANCZOS) for view in views]
    sheet = Image.new("RGB", (panel.width + max(view.width for view in scaled), panel.height))
    sheet.paste(panel, (0, 0))
    for number, view in enumerate(scaled):
        sheet.paste(view, (panel.width, number * high))
    return sheet.quantize(256)


if __name__ == "__main__":
    main()
