# SPDX-License-Identifier: Apache-2.0
"""`spine models list|show|import|verify|remove`: the models that there are."""

import argparse
import json
from typing import Any


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser("models", help="list, check, import and remove models", description=__doc__)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("list", help="one line a model").set_defaults(run=list_models)
    for name, action, text in (
        ("show", show, "all that is known about a model"),
        ("verify", verify, "compare a model's files with their checksums (all models without an ID)"),
        ("remove", remove, "delete an imported model"),
    ):
        subparser = actions.add_parser(name, help=text)
        subparser.add_argument("id", metavar="ID", nargs="?" if name == "verify" else None)
        subparser.set_defaults(run=action)
    importer = actions.add_parser("import", help="take in a model from a folder or a zip file")
    importer.add_argument("bundle", metavar="FOLDER_OR_ZIP")
    importer.set_defaults(run=import_model)


def list_models(arguments: argparse.Namespace) -> int:
    from SpineLib.models import catalogue

    for entry in catalogue.entries():
        size = f"{entry.size_bytes / 1e6:.1f} MB"
        origin = "shipped" if entry.shipped else "imported"
        print(
            f"{entry.id:<24} {entry.task:<6} {entry.version:<8} {size:>9}  {origin:<9} {entry.title} ({entry.license})"
        )
    return 0


def show(arguments: argparse.Namespace) -> int:
    from SpineLib.models import catalogue
    from SpineLib.models.bundle import read_metadata

    entry = catalogue.find(arguments.id)
    print(json.dumps({"folder": str(entry.folder), **read_metadata(entry.folder)}, indent=2, ensure_ascii=False))
    return 0


def verify(arguments: argparse.Namespace) -> int:
    from SpineLib.models import catalogue, store

    for model_id in [arguments.id] if arguments.id else [entry.id for entry in catalogue.entries()]:
        entry = store.verify(model_id)
        print(f"{model_id}: all {len(entry.files)} files are as they should be")
    return 0


def import_model(arguments: argparse.Namespace) -> int:
    from SpineLib.models import store

    entry = store.import_bundle(arguments.bundle)
    print(f"{entry.id} {entry.version} imported to {entry.folder} ({entry.license})")
    return 0


def remove(arguments: argparse.Namespace) -> int:
    from SpineLib.models import store

    store.remove(arguments.id)
    print(f"{arguments.id} removed")
    return 0
