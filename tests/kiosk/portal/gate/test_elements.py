"""The changing part of the table as text, and nft's own listing read back."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from kiosk.portal.gate.elements import Admission, Live, Mark, Timed, admit_text, read_live, refuse_text, revoke_text

MAC = "02:00:00:00:00:01"
FOUR = Admission(MAC, ip_address("10.77.0.20"), Mark.WEB, 60)
SIX = Admission(MAC, ip_address("2001:db8:77::20"), Mark.ALL, 60)


def test_admission_is_renewed_in_one_transaction() -> None:
    """Add, delete, add: nft renews nothing. What the table may hold is added with its own mark, or nft refuses."""
    text = admit_text([FOUR], [Admission(MAC, FOUR.address, Mark.ALL, 5)])
    assert text.splitlines() == [
        f"add element inet quietbell admitted4 {{ {MAC} . 10.77.0.20 : 0x52 }}",
        f"delete element inet quietbell admitted4 {{ {MAC} . 10.77.0.20 : 0x52 }}",
        f"add element inet quietbell admitted4 {{ {MAC} . 10.77.0.20 timeout 60s : 0x51 }}",
        "add element inet quietbell admitted_address4 { 10.77.0.20 }",
        "delete element inet quietbell admitted_address4 { 10.77.0.20 }",
        "add element inet quietbell admitted_address4 { 10.77.0.20 timeout 60s }",
    ]


def test_each_family_has_its_sets() -> None:
    """IPv6 goes to the sets of IPv6; a revocation takes the pair and the address, and leaves nothing of them."""
    text = admit_text([SIX], ()) + revoke_text([SIX])
    assert "admitted6" in text
    assert "admitted_address6" in text
    assert "4 {" not in text
    assert revoke_text([SIX]).splitlines()[-1].startswith("delete")
    assert "timeout" not in revoke_text([SIX])
    assert refuse_text(MAC, 9).splitlines()[-1] == f"add element inet quietbell refused {{ {MAC} timeout 9s }}"


def test_listing_is_read() -> None:
    """Elements as nft 1.0.6 lists them in JSON become admissions with the seconds they have left; what is over is not
    there any more."""
    pair = {"elem": {"val": {"concat": [MAC, "10.77.0.20"]}, "timeout": 3600, "expires": 59}}
    over = {"elem": {"val": {"concat": [MAC, "10.77.0.21"]}, "timeout": 3600, "expires": 0}}
    garden = {"elem": {"val": "198.51.100.7", "timeout": 43_200, "expires": 7}}
    live = read_live({"admitted4": [[pair, 82], [over, 81]], "admitted6": [], "garden4": [garden]})
    assert live == Live((Admission(MAC, FOUR.address, Mark.ALL, 59),), (), (Timed("198.51.100.7", 7),), ())


@pytest.mark.parametrize("listed", [[["x", 81]], [[{"elem": {}}, 81, 3]], ["x"], [[{"elem": 3}, 81]]])
def test_other_listings_are_refused(listed: list[object]) -> None:
    """A listing of another shape is an error, not an empty table: nobody's admission is lost by it in silence."""
    with pytest.raises((ValueError, KeyError)):
        read_live({"admitted4": listed})
