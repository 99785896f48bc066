# SPDX-License-Identifier: Apache-2.0
"""Trained models as bundles: what is there (catalogue), keeping them (store), writing (bundle) and loading them."""
