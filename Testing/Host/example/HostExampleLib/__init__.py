# SPDX-License-Identifier: Apache-2.0
"""A package that the example's module shares."""
