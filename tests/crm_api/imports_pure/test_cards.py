"""The reader of vCards: any bytes are rows or refusals, and what vobject writes is read back."""

import io
import string
from collections.abc import Sequence

import pytest
import vobject
from hypothesis import example, given
from hypothesis import strategies as st

from services.crm_api.imports.reading.card_cells import CardCells, ordered
from services.crm_api.imports.reading.cards import card_rows, cards
from services.crm_api.imports.reading.records import Dialect, Position, RejectedRow, Row

CARDS = Dialect(format="vcard")


def read(*lines: str, version: str = "3.0", encoding: str = "utf-8") -> dict[str, str]:
    """Return the cells of one card."""
    head = ["BEGIN:VCARD", *([f"VERSION:{version}"] if version else [])]
    content = "\r\n".join([*head, *lines, "END:VCARD", ""]).encode(
        "latin-1" if encoding == "cp1252" else "utf-8"
    )
    (card,) = cards(io.BytesIO(content), Dialect(format="vcard", encoding=encoding))
    assert isinstance(card.content, CardCells), card.content
    return card.content.cells


@pytest.mark.parametrize(
    ("lines", "version", "cells"),
    [
        (["N:Weber;Anna;Maria;Dr.;MBA"], "3.0", {"Given name": "Anna", "Family name": "Weber", "Suffix": "MBA"}),
        (["FN:Anna"], "3.0", {"Name": "Anna", "Kind": "person"}),
        (["N:;;;;", "ORG:Weber GmbH;Einkauf;Süd"], "3.0", {"Kind": "organisation", "Name": "Weber GmbH", "Department": "Einkauf, Süd"}),
        (["FN:Weber GmbH", "ORG:Weber GmbH"], "3.0", {"Kind": "organisation"}),
        (["N:Kern;Jo", "ORG:Weber GmbH", "X-ABShowAs:COMPANY"], "3.0", {"Kind": "organisation", "Name": "Weber GmbH"}),
        (["N:a", "NOTE:one\\ntwo\\, three\\; four\\\\"], "3.0", {"Note": "one\ntwo, three; four\\"}),
        (["N:a", "NOTE:C:\\new\\; x"], "2.1", {"Note": "C:\\new; x"}),
        (["N:a", "NOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab=", " c"], "2.1", {"Note": "a\nb c"}),
        (["N:a", "NOTE:ab", " cd", "\tef"], "3.0", {"Note": "abcdef"}),
        (["N:a", "TEL;WORK;FAX:1", "TEL;type=HOME;type=pref:2", 'TEL;TYPE="cell,voice":3'], "3.0",
         {"Phone 1": "2", "Phone 1 label": "home", "Phone 2": "3", "Phone 2 label": "cell", "Phone 3": "1", "Phone 3 label": "work fax"}),
        (["N:a", "EMAIL;PREF=2:b@x.de", "EMAIL;PREF=1:a@x.de", "EMAIL:B@x.de"], "4.0",
         {"E-mail 1": "a@x.de", "E-mail 2": "b@x.de"}),
        (["N:a", "item1.TEL:5", "item1.X-ABLabel:_$!<HomeFAX>!$_"], "3.0", {"Phone 1 label": "HomeFAX"}),
        (["N:a", "TEL;VALUE=uri:tel:+49-30-1;ext=7"], "4.0", {"Phone 1": "+49-30-1 ext. 7"}),
        (["N:a", "ADR:Box 1;EG;Weg 1\\nHof;Köln;NRW;50667;Germany"], "3.0",
         {"Address 1 street": "Weg 1, Hof", "Address 1 additional": "Box 1, EG", "Address 1 region": "NRW"}),
        (["N:a", "BDAY:19800321"], "2.1", {"Birthday": "1980-03-21"}),
        (["N:a", "BDAY:1980-03-21T00:00:00Z"], "3.0", {"Birthday": "1980-03-21"}),
        (["N:a", "BDAY:--0203"], "4.0", {"Birthday (incomplete)": "--0203"}),
        (["N:a", "BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-03"], "3.0", {"Birthday (incomplete)": "1604-02-03"}),
        (["N:a", "CATEGORIES:A,B\\,C,A"], "3.0", {"Categories": "A ::: B,C"}),
        (["N:a", "LANG:fr", "LANG:de-AT"], "4.0", {"Language": "de", "Languages": "fr ::: de-AT"}),
        (["N:a", "URL:http\\://x.de"], "3.0", {"URL": "http://x.de"}),
        (["N:a", "PHOTO;VALUE=uri:http://x.de/p.png"], "3.0", {"PHOTO": "http://x.de/p.png"}),
        (["N:a", "KEY;VALUE=uri:", " http://x.de/k"], "4.0", {"KEY": "http://x.de/k"}),
        (["N:a", "AGENT:", "BEGIN:VCARD", "N:Other", "END:VCARD", "TITLE:T"], "2.1", {"Family name": "a", "Title": "T"}),
        (["fn : x"], "3.0", {"Name": "x"}),
        (["N;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:M=FCller"], "2.1", {"Family name": "Müller"}),
        (["N:Müller"], "", {"Family name": "Müller"}),
    ],
)  # fmt: skip
def test_what_programs_write_is_understood(
    lines: Sequence[str], version: str, cells: dict[str, str]
) -> None:
    found = read(*lines, version=version)
    assert {name: found.get(name) for name in cells} == cells


def test_bytes_that_are_no_utf8_are_read_in_the_encoding_of_the_file() -> None:
    assert read("N:M\u00fcller", version="2.1", encoding="cp1252")["Family name"] == "Müller"


def test_what_is_in_a_picture_is_not_kept() -> None:
    content = b"BEGIN:VCARD\r\nN:a\r\nPHOTO;ENCODING=b:" + b"QUJD" * 9
    content += b"\r\n QUJD\r\nQUJD\r\nTITLE:T\r\nEND:VCARD\r\n"
    (card,) = cards(io.BytesIO(content), CARDS)
    assert isinstance(card.content, CardCells)
    assert card.content == ({"Kind": "person", "Family name": "a", "Title": "T"}, 1)


def test_columns_have_one_order_whatever_the_cards_are() -> None:
    names = [
        "X-A",
        "Phone 10",
        "Phone 2",
        "E-mail 1 label",
        "E-mail 1",
        "UID",
        "Kind",
        "Note",
        "Family name",
    ]
    expected = (
        "UID",
        "Kind",
        "Family name",
        "E-mail 1",
        "E-mail 1 label",
        "Phone 2",
        "Phone 10",
        "Note",
        "X-A",
    )
    assert ordered(names) == ordered(names[::-1]) == expected


def test_reading_goes_on_from_any_card() -> None:
    card = "BEGIN:VCARD\r\nN:{0};x\r\n{1}END:VCARD\r\n\r\n"
    text = "".join(card.format(f"n{n}", "broken\r\n" if n % 3 == 1 else "") for n in range(9))
    dialect = Dialect(format="vcard", columns=("Kind", "Given name", "Family name"))
    whole = list(card_rows(io.BytesIO(text.encode()), dialect, Position()))
    assert [type(row) for row in whole] == [Row, RejectedRow, Row] * 3
    for at, row in enumerate(whole):
        assert list(card_rows(io.BytesIO(text.encode()), dialect, row.after)) == whole[at + 1 :]


PIECES = st.sampled_from([
    b"BEGIN:VCARD", b"END:VCARD", b"N:a;b", b"FN:", b"TEL;", b"TYPE=", b'"', b":", b";", b"\\", b"=", b"=\r\n",
    b"\r\n", b"\n ", b"\t", b"CHARSET=", b"utf-8", b"zip", b"ENCODING=QUOTED-PRINTABLE", b"ENCODING=b", b"PHOTO;",
    b"\xff", b"\xc3\xa4", b"\x00", b"AGENT:", b"KIND:group", b"item1.", b"X-ABLabel:x", b"BDAY:1", b",", b"\xef\xbb\xbf",
])  # fmt: skip


@given(st.lists(PIECES | st.binary(max_size=6), max_size=60).map(b"".join))
@example(b"BEGIN:VCARD\nN;CHARSET=zip:a\nEND:VCARD")
@example(b"BEGIN:VCARD\nN;CHARSET=idna:\xff\nEND:VCARD")
def test_any_bytes_are_cards_or_refusals_in_order(content: bytes) -> None:
    for encoding in ("utf-8", "cp1252", "utf-16-le"):
        end = 0
        for card in cards(io.BytesIO(content), Dialect(format="vcard", encoding=encoding)):
            assert end <= card.start_offset < card.end_offset <= len(content)
            end = card.end_offset
        dialect = Dialect(format="vcard", encoding=encoding, columns=("Kind", "UID"))
        for row in card_rows(io.BytesIO(content), dialect, Position()):
            assert isinstance(row, Row) or row.message_en != row.message_de


PLAIN = st.text(
    st.sampled_from(string.ascii_letters + string.digits + " .,;:\\\n\u00e4\u00f6\u00fc\u00df\u20ac\U0001f600=\"'"), min_size=1, max_size=120,
).map(str.strip).filter(bool)  # fmt: skip


@given(family=PLAIN, first=PLAIN, note=PLAIN, tags=st.lists(PLAIN, min_size=1, max_size=3))
def test_what_vobject_writes_is_read_back(
    family: str, first: str, note: str, tags: list[str]
) -> None:
    card = vobject.vCard()
    card.add("n").value = vobject.vcard.Name(family=family, given=first)
    card.add("fn").value = first
    card.add("note").value = note
    written = card.serialize().encode()
    (found,) = cards(io.BytesIO(written), CARDS)
    assert isinstance(found.content, CardCells), written
    cells = found.content.cells
    assert cells["Note"] == note
    assert (cells["Family name"], cells["Given name"]) == (family, first)
