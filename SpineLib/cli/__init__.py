# SPDX-License-Identifier: Apache-2.0
"""The command `spine`, one file a subcommand. Nothing slow is imported before it is needed."""

from SpineLib.cli.main import main

__all__ = ["main"]
