# SPDX-License-Identifier: Apache-2.0
"""From voxels to vertebrae and from vertebrae to levels."""
