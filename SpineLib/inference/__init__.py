# SPDX-License-Identifier: Apache-2.0
"""Running networks on images: input preparation, whole images, sliding windows, devices and precision."""
