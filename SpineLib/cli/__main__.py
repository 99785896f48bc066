# SPDX-License-Identifier: Apache-2.0
"""`python -m SpineLib.cli` is `spine`."""

import sys

from SpineLib.cli.main import main

sys.exit(main())
