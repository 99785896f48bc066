# SPDX-License-Identifier: Apache-2.0
"""Runs inside Slicer (or the host) through ctest."""

import unittest

import numpy as np
import slicer


class PaintTest(unittest.TestCase):
    def test_logic_paints_a_square_of_the_asked_size(self) -> None:
        film = slicer.util.addVolumeFromArray(np.zeros((1, 20, 30), np.int16))
        logic = slicer.util.getModuleLogic("HostExample")
        segmentation = logic.paint(film, 6)
        self.assertEqual(slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "square", film).sum(), 36)
