"""`quietbell demo`: make the site, start broker, desk, kiosk and portal, leave them to a person or play the journey.

Owns the order of things and the ending: whatever happens, every process that was started is ended and the site's
folder is removed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import click

from firmware.errors import BadInput, TechnicianError
from kiosk.demo.broker import DemoBroker, choose_broker
from kiosk.demo.ground import Ground, LoopbackGround, choose_ground
from kiosk.demo.journey import Journey
from kiosk.demo.legend import legend
from kiosk.demo.persona import Persona
from kiosk.demo.pictures import Camera
from kiosk.demo.processes import Running, start_unit
from kiosk.demo.throwaway import ThrowawaySite, make_site
from kiosk.rehearsal import Unit

WATCH_SECONDS = 0.2
_PLACES = {"kiosk": "10,590", "desk": "640,40"}
_SHOWN_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY")


@click.command()
@click.option("--headless", is_flag=True, help="Play the journey without a display and write pictures.")
@click.option("--profile", default="secondary-school", show_default=True, help="Which site profile to use.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo-output"), show_default=True)
@click.option("--broker", type=click.Choice(["auto", "mosquitto", "amqtt"]), default="auto", show_default=True)
@click.option(
    "--network",
    type=click.Choice(["auto", "namespaces", "loopback"]),
    default="auto",
    show_default=True,
    help="Where the phone is that --headless plays.",
)
def demo(headless: bool, profile: str, out: Path, broker: str, network: str) -> None:
    """Run a throw-away site on this machine."""
    play = headless or not any(os.environ.get(name) for name in _SHOWN_VARIABLES)
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _end)
    if play:
        _make_folder(out)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="quietbell-demo-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        _tell("Making a throw-away site: keys, certificates, readers. This takes a few seconds.")
        ground = _lay_ground(stack, folder, network if play else "loopback")
        site = make_site(folder / "site", profile, "1280x720" if play else "800x480", ground.portal_words())
        running = choose_broker(broker, site.path / "broker", site.port)
        _tell(running.banner)
        running.start()
        stack.callback(running.stop)
        kiosk, desk = (_start(stack, kind, root, play) for kind, root in (("kiosk", site.kiosk), ("desk", site.desk)))
        ground.open(site.kiosk)
        _tell(ground.way)
        if play:
            _play(site, running, ground, out)
        else:
            click.echo(legend(site, ground.own, Persona(ground).open().languages))
            _watch(kiosk, desk)


def _lay_ground(stack: ExitStack, folder: Path, network: str) -> Ground:
    """Where the phone will stand. A browser on this machine is on no other network than this machine's."""
    ground = choose_ground(network, folder / "lab")
    stack.callback(ground.close)
    try:
        ground.make()
        return ground
    except TechnicianError as problem:
        if network != "auto":
            raise
        ground.close()
        instead = LoopbackGround(f"; a network of its own cannot be made ({problem})")
    stack.callback(instead.close)
    return instead


def _start(stack: ExitStack, kind: str, root: Path, play: bool) -> Running:
    unit = start_unit(kind, root, _environment(kind, play), root / f"{kind}.log")
    stack.callback(unit.stop)
    Unit(root / "run").wait_until_up()
    return unit


def _make_folder(out: Path) -> None:
    """Before anything else: a site takes seconds to make."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise BadInput(f"--out {out}: cannot be made ({problem.strerror}): choose another folder") from problem


def _play(site: ThrowawaySite, broker: DemoBroker, ground: Ground, out: Path) -> None:
    """No display: the machine itself taps, talks and answers."""
    for old in out.glob("*.png"):
        old.unlink()
    journey = Journey(
        kiosk=Unit(site.kiosk / "run"),
        desk=Unit(site.desk / "run"),
        broker=broker,
        site=site,
        ground=ground,
        camera=Camera(ground, site.path.parent / "browser", _tell),
        out=out,
        say=click.echo,
        tell=_tell,
    )
    journey.play()
    _tell(f"Every truth was reached. Pictures: {out}/")


def _watch(kiosk: Running, desk: Running) -> None:
    """Until a window is closed or Ctrl-C."""
    while kiosk.alive() and desk.alive():
        time.sleep(WATCH_SECONDS)
    for unit in (kiosk, desk):
        status = unit.status()
        if status not in (None, 0, -signal.SIGTERM):
            raise TechnicianError(f"the {unit.kind} stopped by itself (status {status}): {unit.last_words()}")


def _environment(kind: str, play: bool) -> Mapping[str, str]:
    """Side by side on a usual screen: two windows in the middle would hide one another."""
    extra = {"SDL_VIDEODRIVER": "dummy"} if play else {"SDL_VIDEO_WINDOW_POS": _PLACES[kind]}
    return {**os.environ, **extra}


def _tell(line: str) -> None:
    """For whoever watches; what was reached goes to standard output."""
    click.echo(line, err=True)


def _end(number: int, frame: object) -> None:
    """Once: a second Ctrl-C must not stop us from ending what we started."""
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)
