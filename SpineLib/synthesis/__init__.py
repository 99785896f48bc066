# SPDX-License-Identifier: Apache-2.0
"""Made-up films: a seeded phantom of the trunk, its projection, and the exact answer that goes with it."""
