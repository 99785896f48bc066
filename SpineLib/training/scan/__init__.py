# SPDX-License-Identifier: Apache-2.0
"""Training on scans: patches of synthetic or labeled CT, one small recipe for every network of the CT tasks."""
