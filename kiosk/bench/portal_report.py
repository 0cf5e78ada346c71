"""The figures of the portal under the names that README and scripts know, with what they were taken on."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path

from firmware.errors import TechnicianError
from kiosk.bench.figures import fdatasync_ms, filesystem_of, machine
from kiosk.bench.portal import CLASS, PAGE_GAP_SECONDS, PortalSize, measure_portal
from kiosk.bench.portal_site import NEEDED, PortalSite, find_program
from kiosk.bench.redirect import nginx_version
from kiosk.bench.site import bench_site

__all__ = ["PortalSize", "portal_figures"]

COMMAND = "quietbell bench portal --json"
NOT_A_PI = "not measured on a Pi"

Json = dict[str, object]


def portal_figures(folder: Path, size: PortalSize, told: Callable[[str], None]) -> Json:
    """Raises TechnicianError: not root, a program is missing, or something did not do what it should."""
    if os.geteuid() != 0:
        raise TechnicianError("network namespaces need root: run this with sudo")
    for program, package in NEEDED.items():
        find_program(program, package)
    with bench_site(folder, PortalSite) as site:
        disk: Json = {"filesystem": filesystem_of(site.home), "fdatasync_ms": fdatasync_ms(site.home)}
        found = measure_portal(site, size, told)
    redirect, resident, reconciled = found.redirect, found.resident, found.reconciled
    return {
        "admit_p99_ms": found.admit.p99_ms,
        "admit": found.admit.plain(),
        "admit_class": found.admit_class.plain(),
        "redirect_ratio_nginx": redirect.ratio_nginx,
        "redirect": {
            "per_second": redirect.per_second,
            "nginx_per_second": redirect.nginx_per_second,
            "asker_busy": redirect.asker_busy,
            "bytes": redirect.answer_bytes,
            "nginx_bytes": redirect.nginx_answer_bytes,
        },
        "page_p99_ms": found.pages.p99_ms,
        "pages": {**found.pages.plain(), "clients": CLASS, "per_second": round(CLASS / PAGE_GAP_SECONDS)},
        "page_class": found.page_class.plain(),
        "reconcile_ms": reconciled.same_ms,
        "reconcile_lost_ms": reconciled.lost_ms,
        "devices": reconciled.devices,
        "resident_mb": round(resident.portal_rss + resident.gate_rss, 1),
        "resident_pss_mb": round(resident.portal_pss + resident.gate_pss, 1),
        "portal_mb": {"rss": resident.portal_rss, "pss": resident.portal_pss},
        "gate_mb": {"rss": resident.gate_rss, "pss": resident.gate_pss},
        **disk,
        "machine": {**machine(), "nginx": nginx_version(), "nft": _nft_version()},
        "note": NOT_A_PI,
        "command": COMMAND,
    }


def _nft_version() -> str:
    said = subprocess.run([find_program("nft", "nftables"), "--version"], capture_output=True, text=True, check=False)
    return said.stdout.strip() or platform.release()
