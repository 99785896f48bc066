# SPDX-License-Identifier: Apache-2.0
"""The tutorial's picture: the panel after one click on the sample film, drawn by the test host.

Usage: make_panel_picture.py, after `make test` has installed what the test host needs.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]
SCREENSHOT = Path(__file__).resolve().parent / "Screenshots" / "panel.png"
PANEL_PX = (460, 760)
LONGEST_WAIT_S = 120
sys.path.insert(0, str(REPOSITORY / "Testing" / "Host"))


def main() -> None:
    import slicer_host

    host = slicer_host.start()
    host.load_modules(REPOSITORY / "SpineSegmentation")
    panel = host.open_module("SpineSegmentation")

    import SampleData

    film = SampleData.SampleDataLogic().downloadSamples("SpinePhantomFilm")
    panel.ui.inputSelector.setCurrentNode(film)
    panel.ui.segmentButton.click()
    host.wait_until(lambda: not panel.isRunning, LONGEST_WAIT_S)
    side_by_side(panel_picture(panel, host), view_picture(film, host)).save(SCREENSHOT, optimize=True)
    host.close_modules()


def panel_picture(panel, host) -> Image.Image:
    window = panel.parent
    window.resize(*PANEL_PX)
    window.show()
    host.app.processEvents()
    shot = window.grab().toImage().convertToFormat(window.grab().toImage().Format.Format_RGB888)
    rows = np.frombuffer(shot.constBits(), np.uint8).reshape(shot.height(), shot.bytesPerLine())
    return Image.fromarray(rows[:, : 3 * shot.width()].reshape(shot.height(), shot.width(), 3).copy())


def view_picture(film, host) -> Image.Image:
    view = host.app.layoutManager().slice_views["Red"]
    view.show(film)
    return Image.fromarray(np.ascontiguousarray(view.picture()))


def side_by_side(panel: Image.Image, view: Image.Image) -> Image.Image:
    view = view.resize((round(view.width * panel.height / view.height), panel.height), Image.LANCZOS)
    sheet = Image.new("RGB", (panel.width + view.width, panel.height))
    sheet.paste(panel, (0, 0))
    sheet.paste(view, (panel.width, 0))
    return sheet.quantize(256)


if __name__ == "__main__":
    main()
