# SPDX-License-Identifier: Apache-2.0
"""What `slicer_add_python_unittest` runs inside Slicer."""

from __future__ import annotations

import sys
import unittest

EXIT_SUCCESS = 0
EXIT_FAILURE = 1


def runUnitTest(path: str | list[str], testname: str) -> None:
    """Run a test module, class or method found under `path`; SystemExit with 1 where a test fails or none runs."""
    sys.path.extend([path] if isinstance(path, str) else path)
    suite = unittest.TestLoader().loadTestsFromName(testname)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    sys.exit(EXIT_SUCCESS if result.wasSuccessful() and result.testsRun else EXIT_FAILURE)
