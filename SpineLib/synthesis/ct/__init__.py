# SPDX-License-Identifier: Apache-2.0
"""Made-up CT: the phantom's body on a voxel grid, seen by a made-up scanner, with the exact answer."""
