# SPDX-License-Identifier: Apache-2.0
"""The samples are offered in the Sample Data module and load without a network."""

from typing import Any

import numpy as np
import pytest

from SpineLib.core.errors import ResourceError

pytest_plugins = ["mrml_fixtures"]


def test_the_sample_film_is_registered_and_loads(open_module: Any, qt_host: Any, scene: Any) -> None:
    import SampleData

    open_module("SpineSegmentation")
    qt_host.app.startupCompleted.emit()
    node = SampleData.click("SpinePhantomFilm")
    assert node.GetImageData().GetDimensions()[2] == 1
    assert 0.1 < node.GetSpacing()[0] < 1.0
    # Else saving the scene would write to where the extension is installed.
    assert node.GetStorageNode() is None


def test_the_sample_ct_is_made_on_the_spot(open_module: Any, qt_host: Any, scene: Any) -> None:
    import SampleData
    import slicer

    open_module("SpineSegmentation")
    qt_host.app.startupCompleted.emit()
    node = SampleData.click("SpinePhantomCT")
    voxels = slicer.util.arrayFromVolume(node)
    assert voxels.shape == (150, 112, 112)
    assert np.allclose(node.GetSpacing(), (1.8, 1.8, 2.0), atol=1e-4)
    assert voxels.min() < -900 and voxels.max() > 500
    assert node.GetName() == "SpinePhantomCT"
    assert node.GetStorageNode() is None


def test_a_sample_ct_that_cannot_be_made_says_why(
    open_module: Any, qt_host: Any, scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import SampleData
    import slicer

    from SpineLib.scene import sample_data

    told: list[str] = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **_: told.append(text))
    monkeypatch.setattr(sample_data, "CT_RECIPE", "--shape 2 2 2")
    open_module("SpineSegmentation")
    qt_host.app.startupCompleted.emit()
    assert SampleData.click("SpinePhantomCT") is None
    assert len(told) == 1 and "2 x 2 x 2" in told[0]
    with pytest.raises(ResourceError, match="2 x 2 x 2"):
        sample_data.make_ct()
    assert scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0
