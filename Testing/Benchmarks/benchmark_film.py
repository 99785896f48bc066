# SPDX-License-Identifier: Apache-2.0
"""How long a film takes and how much memory: the shell command from a cold start, and a warm worker.

It reports and asserts nothing. Peak memory comes from the operating system (`wait4`), so it runs on Linux and macOS.

    python Testing/Benchmarks/benchmark_film.py [--rows 2500] [--columns 1000] [--repeats 5] [--json FILE]
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
KIB = 1024 if sys.platform.startswith("linux") else 1
"""Unit of `ru_maxrss` in bytes."""


def main() -> None:
    """Measure, print a table, write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2500)
    parser.add_argument("--columns", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5, help="films segmented by the warm worker")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--model", help="model to measure instead of the task's own")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, default=REPOSITORY / "build" / "benchmark_film.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = measure(arguments, Path(folder))
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(report, indent=2), encoding="utf-8")
    print(table(report))
    print(f"\nWritten to {arguments.json}")


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All numbers of one film: seconds in all and by step, bytes at the peak."""
    start = time.perf_counter()
    film = _make_film(arguments, folder)
    made = time.perf_counter() - start
    return {
        "film": {"rows": arguments.rows, "columns": arguments.columns, "seconds_to_make": made},
        "machine": _machine(),
        "cold": _cold(film, folder / "cold", arguments),
        "warm": _warm(film, folder / "warm", arguments),
    }


def _make_film(arguments: argparse.Namespace, folder: Path) -> Path:
    from SpineLib.io import write_film
    from SpineLib.synthesis.film import ViewOptions, make_film

    film = make_film(arguments.seed, ViewOptions(rows=arguments.rows, columns=arguments.columns))
    path = folder / "film.dcm"
    write_film(path, film.pixels, (film.spacing_mm, film.spacing_mm))
    return path


def _machine() -> dict[str, Any]:
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "system": platform.platform(),
        "cores": usable,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _cold(film: Path, output: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """The command `spine segment` in a process of its own."""
    command = [sys.executable, "-m", "SpineLib.cli", "segment", str(film), "-o", str(output), "--task", "ap"]
    command += ["--device", arguments.device, *(["--model", arguments.model] if arguments.model else [])]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"spine segment ended with exit code {process.returncode}.")
    return {"seconds": seconds, "steps": _steps(output / "film.json"), "peak_bytes": usage.ru_maxrss * KIB}


def _warm(film: Path, output: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One worker that segments the film again and again; the first one loads the model and is told apart."""
    command = [sys.executable, "-m", "SpineLib.worker"]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", bufsize=1
    )
    options = {"device": arguments.device, **({"model": arguments.model} if arguments.model else {})}
    request = {"command": "segment", "image": str(film), "output": str(output), "task": "ap", "options": options}
    seconds = []
    for number in range(arguments.repeats + 1):
        start = time.perf_counter()
        _ask(process, {**request, "id": number})
        seconds.append(time.perf_counter() - start)
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    first, *later = seconds
    return {
        "first_seconds": first,
        "seconds": sorted(later)[len(later) // 2],
        "all_seconds": later,
        "steps": _steps(output / "film.json"),
        "peak_bytes": usage.ru_maxrss * KIB,
    }


def _ask(process: subprocess.Popen[str], request: dict[str, Any]) -> None:
    """Send one request and wait for its result."""
    process.stdin.write(json.dumps(request) + "\n")
    for line in process.stdout:
        event = json.loads(line)
        if event.get("id") == request["id"] and event["event"] == "result":
            return
        if event["event"] == "error":
            process.kill()
            raise SystemExit(f"The worker said: {event['sentence']} {event['hint']}")
    raise SystemExit("The worker ended before its result.")


def _steps(result: Path) -> dict[str, float]:
    """Seconds by step as the result's own provenance tells them."""
    return json.loads(result.read_text(encoding="utf-8"))["provenance"]["seconds"]


def table(report: dict[str, Any]) -> str:
    """The report as lines of text. `rest` is what no step accounts for: start, imports, reading, writing."""
    cold, warm, film = report["cold"], report["warm"], report["film"]
    names = list(dict.fromkeys((*cold["steps"], *warm["steps"])))
    rows = [("", "cold start", "warm worker"), ("seconds", cold["seconds"], warm["seconds"])]
    rows += [(f"  {name}", cold["steps"].get(name), warm["steps"].get(name)) for name in names]
    rows.append(("  rest", *(part["seconds"] - sum(part["steps"].values()) for part in (cold, warm))))
    rows.append(("peak memory, MB", cold["peak_bytes"] / 1e6, warm["peak_bytes"] / 1e6))
    lines = [f"{name:<18}" + "".join(f"{_cell(value):>14}" for value in values) for name, *values in rows]
    return "\n".join([f"Film of {film['rows']} x {film['columns']} pixels, {report['machine']['cores']} cores", *lines])


def _cell(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.2f}" if value < 100 else f"{value:.0f}"


if __name__ == "__main__":
    main()
