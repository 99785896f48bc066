# SPDX-License-Identifier: Apache-2.0
"""`spine train CONFIG [--data DIR [--dataset NAME]] [-o DIR]`: train a model and write it as a bundle."""

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from SpineLib.cli.console import progress_log
from SpineLib.core.errors import InputError, ResourceError

RESEARCH_PACKAGES = {"matplotlib": "matplotlib", "skimage": "scikit-image"}
"""Packages of the extra `research` that training needs: import name -> name of the distribution."""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser("train", help="train a model", description=__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG", help="configuration, a JSON file")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of labeled images to learn from")
    parser.add_argument("--dataset", metavar="NAME", help="which set that is; as the configuration says by default")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder for the run, runs/CONFIG by default")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if not arguments.config.is_file():
        raise InputError(f"There is no configuration {arguments.config}.", "Give a JSON file.")
    _check_research_packages()
    from SpineLib.training.scan.config import is_scan_config

    if is_scan_config(arguments.config):
        from SpineLib.training.scan.run import train
    else:
        from SpineLib.training.run import train

    output = arguments.output or Path("runs") / arguments.config.stem
    bundle = train(arguments.config, arguments.data, output, progress_log(), arguments.dataset).absolute()
    print(f"The model is in {bundle}; use it with --model {bundle}")
    return 0


def _check_research_packages() -> None:
    """Tell before the hours of training what would be missed at their end."""
    for name, package in RESEARCH_PACKAGES.items():
        try:
            import_module(name)
        except ImportError as error:
            raise ResourceError(
                f"Training needs the Python package {package}.", 'Install it: pip install "SpineLib[research]".'
            ) from error
