# SPDX-License-Identifier: Apache-2.0
"""Comparing results with the truth: overlap, distance, intervals, reports."""
