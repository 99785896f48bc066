# SPDX-License-Identifier: Apache-2.0
"""Ground floor: anatomy, volumes, results, errors. Needs numpy only."""
