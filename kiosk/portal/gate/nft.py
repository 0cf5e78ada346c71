"""Tells the kernel's nftables what to do: through the library libnftables, or the program `nft` where there is none.

Owns the library's calls and the kernel's news; the text is the caller's. Each call is one transaction: all of it
happens, or nothing.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import json
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from firmware.errors import TechnicianError
from kiosk.portal.gate.netlink import RECEIVE_BYTES, messages, open_line

# libnftables-json(5): the listing as JSON
_JSON_OUTPUT = 1 << 4
RUN_SECONDS = 10.0
# linux/netfilter/nfnetlink.h, nf_tables.h: the protocol, the group NFNLGRP_NFTABLES, the message NFT_MSG_DELTABLE
_NETFILTER, _GROUP_OF_TABLES, _TABLE_DELETED = 12, 1 << 6, 10 << 8 | 2
# the name that Debian's package libnftables1 installs, for a system without a compiler to look it up
_LIBRARY = "libnftables.so.1"


class NftFault(TechnicianError):
    """nftables refused, or is not there."""


class Nft(Protocol):
    """What the gate needs of either."""

    def run(self, text: str, *, as_json: bool = False) -> str:
        """Run one transaction and return what it printed. Raises NftFault with nft's own words; nothing changed."""


class LibraryNft:
    """libnftables in this process: some 0.1 ms a change."""

    def __init__(self, library: ctypes.CDLL) -> None:
        _declare(library)
        self._library, self._lock = library, threading.Lock()
        context = library.nft_ctx_new(0)
        if not context:
            raise NftFault("libnftables: no context (no memory, or no netlink in this kernel)")
        self._context = ctypes.c_void_p(context)
        for buffer in (library.nft_ctx_buffer_output, library.nft_ctx_buffer_error):
            buffer(self._context)

    def run(self, text: str, *, as_json: bool = False) -> str:
        with self._lock:
            self._library.nft_ctx_output_set_flags(self._context, _JSON_OUTPUT if as_json else 0)
            failed = self._library.nft_run_cmd_from_buffer(self._context, text.encode())
            # both are emptied by being read
            output, errors = self._take("output"), self._take("error")
        if failed:
            raise NftFault(f"nft: {_first_line(errors)}")
        return output

    def close(self) -> None:
        with self._lock:
            self._library.nft_ctx_free(self._context)

    def _take(self, which: str) -> str:
        raw: bytes | None = getattr(self._library, f"nft_ctx_get_{which}_buffer")(self._context)
        return (raw or b"").decode(errors="replace")


class ProgramNft:
    """The program `nft`: some 3 ms a change."""

    def run(self, text: str, *, as_json: bool = False) -> str:
        # from -f, nft -j would print nothing
        command = ["nft", "-j", text] if as_json else ["nft", "-f", "-"]
        try:
            done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise NftFault("nft: cannot be run; install the package nftables") from problem
        if done.returncode != 0:
            raise NftFault(f"nft: {_first_line(done.stderr)}")
        return done.stdout


def open_nft() -> Nft:
    """The library if it can be loaded, else the program."""
    try:
        return LibraryNft(ctypes.CDLL(ctypes.util.find_library("nftables") or _LIBRARY))
    except OSError:
        return ProgramNft()


def elements_of(nft: Nft, names: Sequence[str]) -> Mapping[str, Sequence[object]]:
    """The elements of the sets and maps of our table that bear one of `names`. Raises NftFault: there is no table."""
    listing = json.loads(nft.run("list table inet quietbell", as_json=True))
    found = {}
    for thing in listing["nftables"]:
        described = thing.get("set") or thing.get("map") or {}
        if described.get("name") in names:
            found[described["name"]] = described.get("elem", [])
    return found


def has_table(nft: Nft) -> bool:
    """Whether our table stands, whatever else does. Raises NftFault when nftables cannot be asked."""
    listing = json.loads(nft.run("list tables inet", as_json=True))
    return any(thing.get("table", {}).get("name") == "quietbell" for thing in listing["nftables"])


class TableNews:
    """Readable for select when rules have changed; tells whether a table, perhaps ours, has been taken away."""

    def __init__(self) -> None:
        self._line = open_line(_NETFILTER, _GROUP_OF_TABLES)
        self._line.setblocking(False)

    def fileno(self) -> int:
        return self._line.fileno()

    def read(self) -> bool:
        """Whether to look."""
        gone = False
        while True:
            try:
                gone |= any(kind == _TABLE_DELETED for kind, _ in messages(self._line.recv(RECEIVE_BYTES)))
            except BlockingIOError:
                return gone
            except OSError as problem:
                if problem.errno != errno.ENOBUFS:
                    raise
                gone = True

    def close(self) -> None:
        self._line.close()


def _declare(library: ctypes.CDLL) -> None:
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    signatures: Mapping[str, tuple[Sequence[object], object]] = {
        "nft_ctx_new": ([ctypes.c_uint32], pointer),
        "nft_ctx_free": ([pointer], None),
        "nft_ctx_output_set_flags": ([pointer, ctypes.c_uint], None),
        "nft_ctx_buffer_output": ([pointer], ctypes.c_int),
        "nft_ctx_buffer_error": ([pointer], ctypes.c_int),
        "nft_ctx_get_output_buffer": ([pointer], text),
        "nft_ctx_get_error_buffer": ([pointer], text),
        "nft_run_cmd_from_buffer": ([pointer, text], ctypes.c_int),
    }
    for name, (arguments, result) in signatures.items():
        function: Callable[..., object] = getattr(library, name)
        function.argtypes, function.restype = arguments, result  # type: ignore[attr-defined]  # ctypes' own way


def _first_line(errors: str) -> str:
    lines = errors.strip().splitlines()
    return lines[0] if lines else "no reason given"
