# SPDX-License-Identifier: Apache-2.0
"""The warm worker's protocol, spoken with a real process."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest
from tasks_fixtures import COLUMNS, ROWS, draw_film, save_png, tiny_shelf

from SpineLib.worker import crash_report, job_of

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 240


class Talk:
    """A worker process and what it says, line by line."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "SpineLib.worker", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, "SPINE_MODELS": str(tiny_shelf()), "PYTHONIOENCODING": "ascii"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._lines: Queue[bytes] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def say(self, request: Any) -> None:
        text = request if isinstance(request, str) else json.dumps(request, ensure_ascii=False)
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """The next event; every line on stdout must be one."""
        line = self._lines.get(timeout=PATIENCE_SECONDS)
        assert line, "the worker has ended"
        return json.loads(line)

    def hear_until(self, *kinds: str) -> list[dict[str, Any]]:
        heard = [self.hear()]
        while heard[-1]["event"] not in kinds:
            heard.append(self.hear())
        return heard

    def answer(self, request: Any) -> list[dict[str, Any]]:
        self.say(request)
        return self.hear_until("result", "error")

    def close(self) -> int:
        self.process.stdin.close()
        return self.process.wait(PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def talk():
    talk = Talk()
    assert talk.hear() == {"event": "ready"}
    yield talk
    assert talk.close() == 0
    assert talk.process.stderr.read() == b""


@pytest.fixture
def request_(tmp_path: Path) -> dict[str, Any]:
    image = save_png(tmp_path / "film.png", draw_film(seed=99))
    options = {"model": "tiny", "device": "cpu", "precision": "fp32"}
    return {
        "id": "1",
        "command": "segment",
        "image": str(image),
        "output": str(tmp_path / "out"),
        "name": "film",
        "task": "auto",
        "options": options,
        "overlay": True,
    }


def _large_film(folder: Path) -> Path:
    film = np.tile(draw_film(seed=99), (8, 8))
    film[:, COLUMNS * 5 :] = 60
    assert film.shape == (ROWS * 8, COLUMNS * 8)
    return save_png(folder / "large.png", film)


def test_a_request_ends_with_a_result_and_its_files(talk, request_):
    events = talk.answer(request_)
    assert {event["id"] for event in events} == {"1"}
    assert {event["event"] for event in events[:-1]} == {"progress"}
    fractions = [event["fraction"] for event in events[:-1]]
    assert fractions == sorted(fractions)
    assert all(event["message"] for event in events[:-1])
    result = events[-1]
    assert set(result["files"]) == {"segmentation", "json", "overlay"}
    assert all(Path(path).is_file() for path in result["files"].values())
    assert result["warnings"] == []
    assert result["summary"]["found"] is True
    assert {"spine_area", "spine_height"} == {each["name"] for each in result["summary"]["measurements"]}
    assert result["summary"]["model"]["id"] == "tiny"


def test_an_id_may_be_used_again_as_soon_as_its_request_has_ended(talk, request_):
    assert [talk.answer(request_)[-1]["event"] for _ in range(10)] == ["result"] * 10


def test_an_empty_result_is_a_result_with_a_warning(talk, request_, tmp_path):
    save_png(tmp_path / "film.png", draw_film(course=lambda row: -1000, seed=99))
    result = talk.answer(request_)[-1]
    assert result["event"] == "result"
    assert result["summary"]["found"] is False
    assert len(result["warnings"]) == 1


def test_an_error_has_code_sentence_and_hint_and_the_worker_goes_on(talk, request_):
    event = talk.answer({**request_, "image": "/nowhere/film.png"})[-1]
    assert (event["id"], event["event"], event["code"]) == ("1", "error", 2)
    assert event["sentence"]
    assert event["hint"]
    assert talk.answer(request_)[-1]["event"] == "result"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"options": {"model": "no-such-model"}}, 3),
        ({"options": {"device": "abacus"}}, 2),
        ({"options": {"unknown": 1}}, 2),
        ({"options": [1]}, 2),
        ({"task": "knee"}, 2),
        ({"view": "oblique"}, 2),
        ({"name": "../film"}, 2),
        ({"name": 5}, 2),
        ({"image": None}, 2),
        ({"output": 7}, 2),
        ({"output": "/proc/nowhere"}, 4),
    ],
)
def test_a_wrong_request_is_told_and_not_a_crash(talk, request_, change, code):
    event = talk.answer({**request_, **change})[-1]
    assert (event["event"], event["code"]) == ("error", code)


@pytest.mark.parametrize("line", ["{", "[1, 2]", '"segment"', '{"command": "dance", "id": 3}', '{"id": 3}'])
def test_a_line_that_is_no_request_is_told(talk, line):
    event = talk.answer(line)[-1]
    assert (event["event"], event["code"]) == ("error", 2)


def test_a_request_without_an_id_is_refused(talk, request_):
    del request_["id"]
    assert talk.answer(request_)[-1]["code"] == 2


def test_ping_is_answered(talk):
    talk.say({"command": "ping", "id": 9})
    assert talk.hear() == {"id": 9, "event": "pong"}


def test_names_of_files_may_hold_any_letters(talk, request_, tmp_path):
    image = save_png(tmp_path / "Röntgen 脊椎.png", draw_film(seed=99))
    result = talk.answer({**request_, "image": str(image), "name": "脊椎"})[-1]
    assert Path(result["files"]["segmentation"]) == tmp_path / "out" / "脊椎.seg.nrrd"
    assert Path(result["files"]["segmentation"]).is_file()


def test_cancel_in_the_middle_of_the_work_leaves_nothing(talk, request_, tmp_path):
    talk.say({**request_, "id": "big", "image": str(_large_film(tmp_path))})
    while talk.hear()["event"] != "progress":
        pass
    talk.say({"command": "cancel", "id": "big"})
    end = talk.hear_until("result", "error")[-1]
    assert (end["id"], end["event"], end["code"]) == ("big", "error", 5)
    assert not (tmp_path / "out").exists()
    assert talk.answer(request_)[-1]["event"] == "result"


def test_a_waiting_request_can_be_cancelled_and_the_one_before_it_is_finished(talk, request_, tmp_path):
    talk.say({**request_, "id": "first"})
    talk.say({**request_, "id": "second", "output": str(tmp_path / "second")})
    talk.say({"command": "cancel", "id": "second"})
    ends = [talk.hear_until("result", "error")[-1] for _ in range(2)]
    assert [(end["id"], end["event"]) for end in ends] == [("first", "result"), ("second", "error")]
    assert ends[1]["code"] == 5
    assert not (tmp_path / "second").exists()


def test_to_cancel_what_is_not_there_does_nothing(talk, request_):
    talk.say({"command": "cancel", "id": "unheard of"})
    talk.say({"command": "cancel", "id": ["no", "id"]})
    assert talk.answer(request_)[-1]["event"] == "result"


def test_the_worker_ends_when_its_input_is_closed_even_in_the_middle_of_work(request_, tmp_path):
    talk = Talk()
    talk.say({**request_, "image": str(_large_film(tmp_path))})
    talk.hear_until("progress")
    assert talk.close() == 0
    assert not (tmp_path / "out").exists()


def test_the_worker_ends_on_shutdown():
    talk = Talk()
    talk.say({"command": "shutdown"})
    assert talk.process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.skipif(os.name == "nt", reason="orphans keep their parent's number on Windows")
def test_the_worker_ends_with_its_parent_though_another_process_holds_its_pipe(tmp_path):
    ours, theirs = os.pipe()
    program = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-m', 'SpineLib.worker', '--watch-parent'], stdin={ours})\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, pass_fds=[ours], text=True
    )
    worker = int(parent.stdout.readline())
    assert json.loads(parent.stdout.readline()) == {"event": "ready"}
    parent.kill()
    parent.wait()
    try:
        # The worker holds the other end of this pipe: it is closed when the worker is gone.
        assert parent.stdout.read() == ""
    finally:
        os.close(theirs)
        os.close(ours)
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def test_a_crash_report_names_code_but_neither_paths_nor_values():
    try:
        json.loads("Doe^John")
    except ValueError as error:
        report = crash_report(error)
    assert "JSONDecodeError" in report
    assert "decoder.py" in report
    assert "Doe" not in report
    assert "/" not in report


def test_the_name_of_a_result_comes_from_the_image_where_none_is_given(request_):
    del request_["name"]
    assert job_of(request_).name == "film"
