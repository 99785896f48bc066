# SPDX-License-Identifier: Apache-2.0
"""The networks, one file each, and the factory that builds them by name."""
