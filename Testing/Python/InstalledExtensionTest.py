# SPDX-License-Identifier: Apache-2.0
"""Runs inside Slicer through ctest: the extension as it was built, not the source tree, does its work."""

import unittest
from pathlib import Path

import numpy as np
import slicer


class InstalledExtensionTest(unittest.TestCase):
    def setUp(self) -> None:
        slicer.mrmlScene.Clear(False)

    def test_module_and_library_lie_in_one_folder(self) -> None:
        import SpineLib

        for name in ("SpineSegmentation", "SpineFracture"):
            module = Path(slicer.util.modulePath(name))
            self.assertEqual(Path(SpineLib.__file__).parents[1].resolve(), module.parent.resolve())

    def test_every_shipped_model_is_there_unaltered(self) -> None:
        from SpineLib.models import catalogue, store

        shipped = catalogue.read(catalogue.SHIPPED)
        self.assertTrue(shipped)
        for entry in shipped:
            store.verify(entry.id)

    def test_a_result_becomes_an_editable_segmentation_on_an_oblique_film(self) -> None:
        from SpineLib.core.mask import Mask
        from SpineLib.core.result import SpineResult, Structure
        from SpineLib.scene.show import show_result
        from SpineLib.scene.volume_from_node import volume_from_node

        cosine, sine = np.cos(0.4), np.sin(0.4)
        affine = np.array(
            [[0.5 * cosine, -0.5 * sine, 0, 3], [0, 0, 1, 4], [-0.5 * sine, -0.5 * cosine, 0, 5], [0, 0, 0, 1]]
        )
        film = slicer.util.addVolumeFromArray(np.arange(1200, dtype=np.int16).reshape(1, 40, 30), affine, "Film")
        volume = volume_from_node(film)
        truth = np.zeros(volume.voxels.shape, dtype=bool)
        truth[10:20, 5:35] = True
        spine = Structure("Spine", Mask.from_array(truth), 0.9)
        node = show_result(SpineResult("ap", truth.shape, volume.affine, (spine,)), film)
        shown = slicer.util.arrayFromSegmentBinaryLabelmap(node, node.GetSegmentation().GetNthSegmentID(0), film)
        np.testing.assert_array_equal(shown.transpose(2, 1, 0) != 0, truth)
        segment = node.GetSegmentation().GetNthSegment(0)
        self.assertEqual(segment.GetName(), "Spine")

    def test_the_sample_film_is_segmented(self) -> None:
        from SpineLib.scene import dependencies

        if dependencies.missing_packages():
            self.skipTest("the network's packages are not installed")
        resources = Path(slicer.util.modulePath("SpineSegmentation")).parent / "Resources"
        film = slicer.util.loadVolume(str(resources / "SampleData" / "SpinePhantomFilm.nrrd"))
        node = slicer.util.getModuleLogic("SpineSegmentation").segment(film)
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, node.GetSegmentation().GetNthSegmentID(0), film)
        self.assertEqual(mask.shape, slicer.util.arrayFromVolume(film).shape)
        self.assertGreater(np.count_nonzero(mask), 0.02 * mask.size)


if __name__ == "__main__":
    unittest.main()
