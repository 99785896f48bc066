# SPDX-License-Identifier: Apache-2.0
"""`spine train CONFIG [--data DIR [--dataset NAME]] [--shapes FILE] [--curves FILE] [-o DIR]`: train a model."""

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from SpineLib.cli.console import progress_log
from SpineLib.core.errors import InputError, ResourceError

RESEARCH_PACKAGES = {"matplotlib": "matplotlib", "skimage": "scikit-image"}
"""Packages of the extra `research` that training needs: import name -> name of the distribution."""


REAL_SPINES = ("shapes", "curves")
"""As `spine synth ct` takes them."""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser("train", help="train a model", description=__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG", help="configuration, a JSON file")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of labeled images to learn from")
    parser.add_argument("--dataset", metavar="NAME", help="which set that is; as the configuration says by default")
    for name in REAL_SPINES:
        parser.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"{name} of real spines for synthetic CTs")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder for the run, runs/CONFIG by default")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if not arguments.config.is_file():
        raise InputError(f"There is no configuration {arguments.config}.", "Give a JSON file.")
    _check_research_packages()
    from SpineLib.training.scan.config import is_scan_config

    real = {name: getattr(arguments, name) for name in REAL_SPINES if getattr(arguments, name) is not None}
    train: Callable[..., Path]
    if is_scan_config(arguments.config):
        from SpineLib.training.scan.run import train
    elif real:
        raise InputError("Real shapes and curves are for networks of the CT tasks.", f"Leave out --{next(iter(real))}.")
    else:
        from SpineLib.training.run import train

    output = arguments.output or Path("runs") / arguments.config.stem
    bundle = train(arguments.config, arguments.data, output, progress_log(), arguments.dataset, **real).absolute()
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
