# SPDX-License-Identifier: Apache-2.0
"""Learning a model from labeled films: datasets, splits, augmentation, losses, the loop."""
