# SPDX-License-Identifier: Apache-2.0
"""The sample film is offered in the Sample Data module and loads without a network."""

from typing import Any

pytest_plugins = ["mrml_fixtures"]


def test_the_sample_film_is_registered_and_loads(open_module: Any, qt_host: Any, scene: Any) -> None:
    import SampleData

    open_module("SpineSegmentation")
    qt_host.app.startupCompleted.emit()
    node = SampleData.SampleDataLogic().downloadSamples("SpinePhantomFilm")
    assert node.GetImageData().GetDimensions()[2] == 1
    assert 0.1 < node.GetSpacing()[0] < 1.0
