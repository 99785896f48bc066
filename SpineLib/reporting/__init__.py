# SPDX-License-Identifier: Apache-2.0
"""Results as people look at them: pictures, later tables and pages."""
