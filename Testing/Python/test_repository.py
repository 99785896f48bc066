# SPDX-License-Identifier: Apache-2.0
"""What the repository holds: nothing foreign, nothing too large, and a README whose promises are kept."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest
from source_files import REPOSITORY, project_files, text_files

import SpineLib

HISTORY_LIMIT = 80_000_000
REPACKED = ("--no-reuse-delta", "--no-reuse-object", "--window=30", "--depth=100", "--compression=9")
BUNDLE_LIMIT = 8_000_000
FILE_LIMIT = 2_000_000
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
# Put together here so that this file does not hold what it looks for.
REGISTRIES = ("pypi" + ".org", "pythonhosted" + ".org", "download.pytorch" + ".org", "deb.debian" + ".org")
REGISTRIES += ("archive.ubuntu" + ".com", "conda" + ".anaconda", "registry.npmjs" + ".org")
MACHINE_PATHS = re.compile(r"(?<![\w.\]})<>$*?-])/(?:" + "|".join(["work", "root", "farm", "tmp"]) + r")/|/home/\w+/")


def lines_with(found_in: "re.Pattern[str]", skipped: set[str] = frozenset()) -> list[str]:
    return [
        f"{path.relative_to(REPOSITORY).as_posix()}:{number} {line.strip()[:120]}"
        for path in text_files()
        if path.name not in skipped
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if found_in.search(line)
    ]


def test_no_host_of_a_package_registry_is_named() -> None:
    assert lines_with(re.compile("|".join(re.escape(name) for name in REGISTRIES))) == []


def test_no_path_of_one_machine_is_named() -> None:
    assert lines_with(MACHINE_PATHS, skipped={"test_repository.py"}) == []


def test_text_files_end_lines_as_unix_does() -> None:
    assert [path.name for path in text_files() if b"\r\n" in path.read_bytes()] == []


def test_no_file_is_too_large() -> None:
    large = {}
    for path in project_files():
        limit = BUNDLE_LIMIT if "bundles" in path.parts else FILE_LIMIT
        if path.stat().st_size > limit:
            large[path.relative_to(REPOSITORY).as_posix()] = path.stat().st_size
    assert large == {}


def test_every_bundle_is_small_as_a_whole() -> None:
    bundles = REPOSITORY / "SpineLib" / "models" / "bundles"
    sizes = {
        folder.name: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for folder in bundles.iterdir()
        if folder.is_dir()
    }
    assert sizes
    assert all(size <= BUNDLE_LIMIT for size in sizes.values()), sizes


def test_the_history_stays_within_the_limit_of_the_extensions_index() -> None:
    # Packed anew and well, as the host does in time: how a checkout happens to be packed varies by 50 kB, and it may
    # hold objects twice and others that no commit needs.
    packed = subprocess.run(
        ["git", "pack-objects", "--revs", "--stdout", "-q", *REPACKED],
        cwd=REPOSITORY,
        input=b"HEAD\n",
        capture_output=True,
        check=False,
    )
    if packed.returncode != 0:
        pytest.skip("not a git checkout")
    assert 0 < len(packed.stdout) < HISTORY_LIMIT


def test_no_file_is_a_copy_of_the_real_data(shared_data: Path) -> None:
    def digests(paths: "tuple[Path, ...]") -> dict[str, str]:
        return {hashlib.sha256(path.read_bytes()).hexdigest(): str(path) for path in paths if path.stat().st_size > 100}

    sizes = {path.stat().st_size for path in project_files()}
    real = tuple(path for path in shared_data.rglob("*") if path.is_file() and path.stat().st_size in sizes)
    own = digests(project_files())
    assert {own[digest] for digest in own.keys() & digests(real).keys()} == set()


def test_the_license_is_there_in_full() -> None:
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_version_is_the_same_everywhere() -> None:
    citation = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {SpineLib.__version__}\n" in citation
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest is not None
    assert newest[1] == SpineLib.__version__


def shell_lines() -> list[str]:
    """Commands in the README's shell blocks, continued lines joined, comments left out."""
    blocks = re.findall(r"```(?:bash|sh)\n(.*?)```", README, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def test_the_readme_names_the_two_commands() -> None:
    assert {"make demo", "make test"} <= set(shell_lines())


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("make ")])
def test_every_make_command_of_the_readme_exists(line: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = [word for word in line.split()[1:] if "=" not in word]
    assert named
    assert set(named) <= set(targets)


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("spine ")])
def test_every_spine_command_of_the_readme_exists(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    from SpineLib.cli import main

    words = line.split()[1:]
    subcommands = words[: 2 if words[0] in ("models", "synth") else 1]
    try:
        main([*subcommands, "--help"])
    except SystemExit as leaving:
        assert leaving.code in (0, None)
    described = capsys.readouterr().out
    for option in (word for word in words if word.startswith("-")):
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", described), (
            f"{option} is no option of {subcommands}"
        )


def test_the_tutorial_names_what_the_panel_shows() -> None:
    tutorial = README.split("### Tutorial")[1].split("\n### ")[0]
    sources = ["SpineSegmentation/Resources/UI/SpineSegmentation.ui", "SpineSegmentation/SpineSegmentation.py"]
    sources += ["SpineFracture/Resources/UI/SpineFracture.ui", "SpineFracture/SpineFracture.py"]
    sources += ["SpineLib/scene/sample_data.py", "SpineLib/scene/model_choice.py"]
    shown = "\n".join((REPOSITORY / name).read_text(encoding="utf-8") for name in sources)
    named = set(re.findall(r"\*\*(.+?)\*\*", tutorial)) - {"Sample Data"}
    assert {name for name in named if name not in shown} == set()


def test_the_readme_tells_the_license_of_every_model() -> None:
    from SpineLib.models import catalogue

    table = [line for line in README.splitlines() if line.startswith("|")]
    for entry in catalogue.read(catalogue.SHIPPED):
        assert any(f"`{entry.id}`" in line for line in table), entry.id


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_every_link_of_the_readme_leads_somewhere(target: str) -> None:
    if target.startswith("https://"):
        return
    assert (REPOSITORY / target).exists()
