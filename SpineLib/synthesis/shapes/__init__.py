# SPDX-License-Identifier: Apache-2.0
"""Real shapes of vertebrae: meshes made upright and turned into signed distances, kept in one file."""
