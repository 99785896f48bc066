# SPDX-License-Identifier: Apache-2.0
"""Numbers from the vertebrae of a scan: heights, fracture grades, angles, density, retropulsion. Pure geometry."""
