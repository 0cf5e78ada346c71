"""How many phones that are not on-line yet can be sent to the portal in a second, against nginx sending the same 302.

One worker each, on a core of its own, asked by the same process from another core, in turns within one run; no
connection is kept, for the portal keeps none. Whether the asker was the limit is told with the result.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from firmware.free_port import free_port
from kiosk.bench.asker import Asked
from kiosk.bench.figures import CannotMeasure
from kiosk.bench.portal_site import PortalSite, find_program
from kiosk.bench.site import START_SECONDS, module

ROUNDS = 7
_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log off; server_tokens off; keepalive_timeout 0;
  client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi; uwsgi_temp_path {folder}/nginx-uwsgi; scgi_temp_path {folder}/nginx-scgi;
  server {{
    listen 127.0.0.1:{port} backlog=512;
    location / {{ add_header Cache-Control no-store always; return 302 {target}; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class RedirectFigures:
    """Medians over rounds; the ratio is of rounds that followed one another."""

    ratio_nginx: float
    per_second: float
    nginx_per_second: float
    asker_busy: float
    answer_bytes: int
    nginx_answer_bytes: int


def measure_redirect(site: PortalSite, seconds: float) -> RedirectFigures:
    """`seconds` each round. Both servers are started and ended here."""
    server_core, asker_core = _cores()
    port = free_port()
    portal, nginx = site.start_other_portal(), _start_nginx(site, port)
    try:
        for each in (portal, nginx):
            _pin(each.pid, server_core)
        rounds = [(_ask(site.other_port, seconds, asker_core), _ask(port, seconds, asker_core)) for _ in range(ROUNDS)]
    finally:
        site.stop(nginx)
        site.stop(portal)
    return RedirectFigures(
        ratio_nginx=round(median(ours.per_second / theirs.per_second for ours, theirs in rounds), 2),
        per_second=round(median(ours.per_second for ours, _ in rounds)),
        nginx_per_second=round(median(theirs.per_second for _, theirs in rounds)),
        asker_busy=round(max(each.busy for both in rounds for each in both), 2),
        answer_bytes=rounds[0][0].answer_bytes,
        nginx_answer_bytes=rounds[0][1].answer_bytes,
    )


def nginx_version() -> str:
    said = subprocess.run([find_program("nginx", "nginx-light"), "-v"], capture_output=True, text=True, check=False)
    return said.stderr.strip().rpartition("/")[2] or "unknown"


def _start_nginx(site: PortalSite, port: int) -> subprocess.Popen[bytes]:
    configuration = site.home / "nginx.conf"
    text = _NGINX.format(folder=site.home, port=port, target=f"http://127.0.0.1:{site.other_port}/")
    configuration.write_text(text, encoding="utf-8")
    command = [find_program("nginx", "nginx-light"), "-e", "stderr", "-c", str(configuration)]
    nginx = site.start(command, "nginx")
    site.wait_until_listening(port, nginx, "nginx")
    return nginx


def _cores() -> tuple[int, int]:
    """One for the server and another one for who asks, as far as there are two."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]


def _pin(pid: int, core: int) -> None:
    """Every thread of a process and of its children, which nginx's worker is."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})
        for child in (task / "children").read_text(encoding="utf-8").split():
            _pin(int(child), core)


def _ask(port: int, seconds: float, core: int) -> Asked:
    command = module("asker", str(port), str(seconds), str(core))
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * seconds + START_SECONDS)
    except subprocess.TimeoutExpired as late:
        raise CannotMeasure(f"port {port} answers no longer") from late
    if done.returncode != 0:
        raise CannotMeasure(f"port {port} could not be asked: {done.stderr.strip()[-300:]}")
    return Asked(**json.loads(done.stdout))
