# SPDX-License-Identifier: Apache-2.0
"""SpineLib: from a film or scan to named vertebrae, masks and measurements. Importable without Slicer."""

__version__ = "0.1.0"
