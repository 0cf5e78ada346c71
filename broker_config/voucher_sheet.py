"""A sheet of vouchers: one HTML file that prints on A4, six cards a page, to be cut and handed out.

Owns how a card looks and reads. Everything is in the one file (no script, no font, no picture from elsewhere): it
can be printed without a network. Does not know how words are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from io import BytesIO

import segno

from broker_config.site_portal import PrintedVoucher
from firmware.byod_parts import Audience
from firmware.opening_hours import DAYS, MONTHS

CARDS_A_PAGE = 6
# ISO/IEC 18004 §5.3.8: four modules of white round the code.
_QUIET_ZONE = 4

# For whom, as the card says it.
_FOR = {
    Audience.YOUNG_LEARNER: "young learners",
    Audience.LEARNER: "learners",
    Audience.ADULT: "adult learners",
    Audience.STAFF: "staff",
    Audience.VISITOR: "visitors",
}


@dataclass(frozen=True, slots=True)
class SheetPlace:
    """Whose network it is, and where its portal answers. `ssid` empty: the card names no network."""

    organisation: str
    host: str
    secure: bool
    ssid: str


def voucher_sheet(place: SheetPlace, vouchers: Sequence[PrintedVoucher]) -> str:
    """The whole file."""
    pages = [vouchers[at : at + CARDS_A_PAGE] for at in range(0, len(vouchers), CARDS_A_PAGE)]
    cards = "\n".join(
        f'<section class="page">{"".join(_card(place, each) for each in page)}</section>' for page in pages
    )
    title = f"{len(vouchers)} Wi-Fi vouchers · {place.organisation}"
    return _FILE.format(title=escape(title), style=_STYLE, staff=_for_staff(vouchers), cards=cards)


def voucher_address(place: SheetPlace, words: Sequence[str]) -> str:
    """What the code of one card holds."""
    return f"http{'s' if place.secure else ''}://{place.host}/en/voucher?w={'-'.join(words)}"


def _page(place: SheetPlace, vouchers: Sequence[PrintedVoucher]) -> str:
    return f'<section class="page">{"".join(_card(place, each) for each in vouchers)}</section>'


def _card(place: SheetPlace, printed: PrintedVoucher) -> str:
    voucher = printed.voucher
    address = f"{place.host}/en/voucher"
    join = f"Join the Wi-Fi <b>{escape(place.ssid)}</b>" if place.ssid else "Join our Wi-Fi for guests\u2019 devices"
    return _CARD.format(
        organisation=escape(place.organisation),
        audience=_FOR[voucher.audience],
        words="".join(f"<li>{word}</li>" for word in printed.words),
        code=_code(voucher_address(place, printed.words)),
        lasts=_lasts(voucher.minutes),
        devices=voucher.devices,
        until=_day(voucher.last_day),
        join=join,
        address=escape(address),
        serial=f"{voucher.serial:04}",
    )


def _code(address: str) -> str:
    made = segno.make(address, error="m", micro=False)
    drawn = BytesIO()
    made.save(
        drawn,
        kind="svg",
        border=_QUIET_ZONE,
        xmldecl=False,
        svgns=True,
        omitsize=True,
        nl=False,
        dark="#263238",
        title="The same words as a code for a camera",
    )
    return drawn.getvalue().decode()


def _for_staff(vouchers: Sequence[PrintedVoucher]) -> str:
    numbers = [each.voucher.serial for each in vouchers]
    return (
        f"{len(vouchers)} vouchers, numbers {numbers[0]:04} to {numbers[-1]:04}. Print on A4 at 100 %, cut along the "
        "lines, and hand out one each. Then delete this file: whoever has the words can use them."
    )


def _lasts(minutes: int) -> str:
    """ "45 minutes", "90 minutes", "2\u00bd hours": no card has room for both words."""
    if minutes < 120 and minutes != 60:
        return f"{minutes} minutes"
    hours = f"{minutes // 60}{'' if minutes % 60 == 0 else chr(0xBD)}"
    return f"{hours} hour{'' if hours == '1' else 's'}"


def _day(day: date) -> str:
    return f"{DAYS[day.weekday()][:3].capitalize()} {day.day} {MONTHS[day.month - 1]} {day.year}"


_FILE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<p class="staff">{staff}</p>
<main>
{cards}
</main>
</body>
</html>
"""

_CARD = """
<article class="card">
<header>
<svg class="mark" viewBox="0 0 48 48" aria-hidden="true">
<circle cx="24" cy="24" r="6" fill="#24524f"/><circle cx="24" cy="24" r="13"/><circle cx="24" cy="24" r="20.5"/>
</svg>
<p class="who">{organisation}</p>
<h2>Wi-Fi for {audience}</h2>
</header>
<ol class="words">{words}</ol>
<div class="code">{code}</div>
<dl>
<div><dt>From first use</dt><dd>{lasts}</dd></div>
<div><dt>Devices</dt><dd>{devices}</dd></div>
<div><dt>Valid until</dt><dd>{until}</dd></div>
</dl>
<p class="how">{join}. Then scan the code, or open <b>{address}</b> and type the six words.</p>
<footer><span>Something unclear? Ask at reception.</span><span class="serial">{serial}</span></footer>
</article>"""

# Millimetres and points: it is paper. The same colours as the kiosk's calm theme, dark enough for a grey printer.
_STYLE = """
@page { size: A4 portrait; margin: 10mm; }
* { box-sizing: border-box; margin: 0; padding: 0; }
body {
  background: #faf6ee; color: #263238;
  font: 8.5pt/1.4 "Noto Sans", "Segoe UI", "Helvetica Neue", Arial, "Liberation Sans", sans-serif;
  -webkit-print-color-adjust: exact; print-color-adjust: exact;
}
.staff {
  max-width: 190mm; margin: 8mm auto; padding: 4mm 5mm; background: #e5eeea; color: #183834; border-radius: 2mm;
}
.page {
  width: 190mm; height: 276.9mm; margin: 0 auto 8mm; background: #fff; overflow: hidden;
  display: grid; grid-template: repeat(3, 92.3mm) / repeat(2, 95mm);
}
.card {
  display: grid; grid-template: auto 1fr auto auto auto / minmax(0, 1fr) 38mm; align-items: center;
  padding: 4.5mm 5.5mm 3.5mm; overflow: hidden; break-inside: avoid;
  outline: .2mm dashed #a8a297; outline-offset: -.1mm;
}
header, dl, .how, footer { grid-column: 1 / -1; }
header { display: grid; grid-template-columns: auto 1fr; column-gap: 2.5mm; align-items: center; }
.mark { grid-row: 1 / 3; width: 9mm; height: 9mm; fill: none; stroke: #24524f; stroke-width: 3; }
.who { font-size: 8.5pt; line-height: 1.25; color: #454a4a; overflow-wrap: anywhere; }
h2 { font-size: 13pt; line-height: 1.2; font-weight: 700; color: #24524f; }
.words { list-style: none; counter-reset: word; padding: 2mm 3mm; background: #e5eeea; border-radius: 2mm; }
.words li {
  counter-increment: word; position: relative; padding-left: 5mm; white-space: nowrap;
  font-size: 13.5pt; line-height: 1.32; font-weight: 700; color: #183834;
}
.words li::before {
  content: counter(word); position: absolute; left: 0; top: .5em; font-size: 7.5pt; line-height: 1.2; font-weight: 400;
}
.code { justify-self: end; width: 37mm; height: 37mm; }
.code svg { display: block; width: 100%; height: 100%; }
dl { display: flex; gap: 5mm; padding-top: 1mm; white-space: nowrap; }
dt { font-size: 7.5pt; line-height: 1.3; color: #454a4a; }
dd { font-size: 8.5pt; line-height: 1.3; font-weight: 700; }
.how { padding-top: 1.5mm; font-size: 8pt; line-height: 1.35; overflow-wrap: anywhere; }
footer { display: flex; justify-content: space-between; padding-top: 1mm; font-size: 8pt; color: #454a4a; }
.serial { font-variant-numeric: tabular-nums; }
@media print {
  body { background: #fff; }
  .staff { display: none; }
  .page { margin: 0; break-after: page; }
  .page:last-child { break-after: auto; }
}
"""
