# SPDX-License-Identifier: Apache-2.0
"""The only room that touches MRML and Qt: nodes to volumes, results to nodes, the child process, the panel's parts."""
