"""`quietbell demo --headless`, as a new user starts it: every truth on real processes, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.broker import find_mosquitto

# A bound, not an expectation: on two idle cores it takes about 110 s.
JOURNEY_SECONDS = 400.0
END_SECONDS = 60.0
TRUTHS = ["pressed", "saved", "stored", "displayed", "noticed", "acknowledged", "closed"]
AFTERWARDS = ["silent-call-closed", "stored-after-broker", "private-not-drawn", "off-duty"]
# What a phone meets where the rules have it closed, as the secondary school's do.
ON_ANY_NETWORK = [
    "phone-not-now",
    "lesson-open",
    "phone-rules",
    "phone-online",
    "phone-asks",
    "phone-saved",
    "phone-displayed",
    "phone-noticed",
    "phone-acknowledged",
    "phone-read",
    "phone-ended",
]
# Only where something stands between the phone and the Internet, and its name can be verified.
BEHIND_THE_GATE = ["phone-joined", "phone-captive", "phone-words"]
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
IHDR_WIDTH = slice(16, 20)
# Where `ip netns` keeps them.
NETWORKS = Path("/run/netns")


@dataclass
class Demo:
    """One demo in a session of its own, so that whatever it starts can be found again."""

    process: subprocess.Popen[str]
    out: Path
    temporary: Path

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.said.splitlines()]

    said: str = ""
    warned: str = ""

    def finish(self, seconds: float) -> int:
        self.said, self.warned = self.process.communicate(timeout=seconds)
        return self.process.returncode

    @property
    def behind_a_gate(self) -> bool:
        return "behind the real gate" in self.warned

    def left_behind(self) -> list[str]:
        """What still runs of this session, its networks, and what is still in its folder for temporary files."""
        running = [f"{pid}: {command}" for pid, command in session(self.process.pid)]
        networks = [path.name for path in NETWORKS.glob(f"qb{self.process.pid}-*")]
        return running + networks + [str(path) for path in self.temporary.iterdir()]

    def end(self) -> None:
        """Only what this demo started: the processes of its session."""
        for pid, _ in session(self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(END_SECONDS)


def session(leader: int) -> list[tuple[int, str]]:
    """The living processes of one session, with their commands."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, sid = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(sid) == leader and state != "Z":
            found.append((int(folder.name), command))
    return found


def start(folder: Path, *words: str) -> Demo:
    temporary, out = folder / "temporary", folder / "out"
    temporary.mkdir(parents=True)
    hidden = ("DISPLAY", "WAYLAND_DISPLAY")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("quietbell")), "demo", "--headless", "--out", str(out), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, "TMPDIR": str(temporary)},
        start_new_session=True,
    )
    return Demo(process, out, temporary)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Demo]]:
    """Both brokers' demos, side by side, to their end; one on loopback, the other on whatever this machine can have."""
    networks = {"amqtt": "loopback", **({"mosquitto": "auto"} if find_mosquitto() else {})}
    with ExitStack() as stack:
        demos = {}
        for kind, network in networks.items():
            demos[kind] = start(tmp_path_factory.mktemp(kind), "--broker", kind, "--network", network)
            stack.callback(demos[kind].end)
        for demo in demos.values():
            demo.finish(JOURNEY_SECONDS)
        yield demos


@pytest.fixture(params=["mosquitto", "amqtt"])
def demo(request: pytest.FixtureRequest, played: dict[str, Demo]) -> Demo:
    if request.param not in played:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    return played[request.param]


@pytest.mark.requirement("L1")
def test_every_truth_is_reached_in_its_order(demo: Demo) -> None:
    """A press is saved, stored, displayed, noticed, acknowledged and closed, each told on a line of its own when it
    became true; so are the silent call, the report made without a broker, the private one, and an empty office."""
    assert demo.process.returncode == 0, demo.warned
    steps = [str(line["step"]) for line in demo.lines]
    assert [step for step in steps if step in TRUTHS] == TRUTHS
    assert [step for step in steps if step in AFTERWARDS] == AFTERWARDS
    times = [at for line in demo.lines if isinstance(at := line["at_ms"], int)]
    assert len(times) == len(steps)
    assert times == sorted(times)


@pytest.mark.requirement("B4")
def test_a_phone_goes_from_kept_out_to_helped_to_ended(demo: Demo) -> None:
    """It is told "not now", goes on-line in the lesson that the desk opens, talks to someone who answers, and is
    off-line when the lesson is ended; behind a real gate it also joins by DHCP, is kept out, and writes words."""
    steps = [str(line["step"]) for line in demo.lines]
    assert [step for step in steps if step in ON_ANY_NETWORK] == ON_ANY_NETWORK
    assert [step for step in steps if step in BEHIND_THE_GATE] == (BEHIND_THE_GATE if demo.behind_a_gate else [])


def test_each_step_has_a_picture_of_every_screen(demo: Demo) -> None:
    """Whoever looks afterwards finds what kiosk and desk showed at each step, as real pictures of real screens; and
    the phone, at its own steps, where there is a browser to make them."""
    phone = "No pictures of the phone" not in demo.warned
    expected = 0
    for number, line in enumerate(demo.lines, start=1):
        name, of_phone = line["step"], line["step"] in (*ON_ANY_NETWORK, *BEHIND_THE_GATE)
        widths = {"kiosk": 1280, "desk": 1280, **({"phone": 412} if phone and of_phone else {})}
        for who, width in widths.items():
            picture = (demo.out / f"{number:02}-{name}-{who}.png").read_bytes()
            assert picture.startswith(PNG_SIGNATURE)
            assert int.from_bytes(picture[IHDR_WIDTH], "big") == width
            assert len(picture) > 2000
        expected += len(widths)
    assert len(list(demo.out.iterdir())) == expected


def test_the_broker_is_named_and_a_mere_demo_broker_is_called_one(demo: Demo) -> None:
    """amqtt lets everybody in, so nobody may take it for the real thing."""
    command = " ".join(demo.process.args) if isinstance(demo.process.args, list) else ""
    if "amqtt" in command:
        assert "*** DEMO BROKER" in demo.warned
        assert "Never use it for a real site" in demo.warned
    else:
        assert "mosquitto" in demo.warned
        assert "DEMO BROKER" not in demo.warned


def test_nothing_is_left_behind(demo: Demo) -> None:
    """No process, no network and no file of the throw-away site outlives the demo."""
    assert demo.left_behind() == []


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_demo_ends_cleanly_when_told(ending: signal.Signals, tmp_path: Path) -> None:
    """SIGTERM or Ctrl-C in the middle: everything that was started ends, everything that was made is removed, and no
    traceback is shown."""
    demo = start(tmp_path)
    try:
        assert demo.process.stdout is not None
        line = demo.process.stdout.readline()
        assert line, (demo.finish(END_SECONDS), demo.warned)
        assert json.loads(line)["step"] == "ready"
        if ending is signal.SIGINT:
            # Ctrl-C reaches the whole group, as at a terminal.
            os.killpg(demo.process.pid, ending)
        else:
            demo.process.send_signal(ending)
        assert demo.finish(END_SECONDS) == 128 + ending
        assert "Traceback" not in demo.warned
        assert demo.left_behind() == []
    finally:
        demo.end()
