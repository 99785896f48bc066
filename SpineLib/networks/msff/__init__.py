# SPDX-License-Identifier: Apache-2.0
"""MSFF, the CT spine-fracture network of S4 (Saeed et al. 2024), one file a module.

The paper fixes the modules, their order and what each joins; it leaves open the widths, reduction ratios, dilation
rates, the kind of attention, the strides and the skips. Those are our reading, and each file says which.
"""
