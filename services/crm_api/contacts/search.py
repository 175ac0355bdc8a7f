"""Finds contacts by a few words: candidates from an index of the database, ranked here.

Both databases look into `contacts.search_text` by trigrams: PostgreSQL with pg_trgm, SQLite with FTS5.
All words have to be found; if that finds nothing, words that are alike are taken. The few hundred best
candidates are then ranked by how well each word of the question meets a word of the contact.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from rapidfuzz import fuzz
from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

from services.crm_api import filters, listing
from services.crm_api.contacts.schemas import ListContacts
from services.crm_api.contacts.table import CONTACT
from services.crm_api.contacts.table import contacts as table
from services.crm_api.filters import Question
from services.crm_api.folding import digits, fold
from services.crm_api.listing import ItemShape
from services.foundation.calls import Call
from services.foundation.columns import Texts
from services.foundation.database import Reader
from services.foundation.problems import Answer, Forbidden, invalid
from services.foundation.statements import Statement

MOST_CANDIDATES = 200
MOST_WORDS = 8
_TRIGRAM = 3
_ALIKE = 70.0
_MISTAKES = 3
"""How many of a word's trigrams one wrong letter spoils at most."""


class has_words(FunctionElement[bool]):  # noqa: N801 - reads as an SQL function
    """The search text contains each of so many parts; the parts are one list parameter."""

    type = NullType()  # type: ignore[assignment]
    inherit_cache = False

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(table.c.search_text, bindparam("words", type_=Texts))


@compiles(has_words, "postgresql")
def _has_words_on_postgresql(element: has_words, compiler: Any, **kw: Any) -> str:
    text, words = (compiler.process(part, **kw) for part in element.clauses)
    array = f"({words.split('::')[0]}::text[])"
    parts = (f"{text} LIKE '%' || {array}[{n}] || '%'" for n in range(1, element.count + 1))
    return f"({' AND '.join(parts)})"


@compiles(has_words, "sqlite")
def _has_words_on_sqlite(element: has_words, compiler: Any, **kw: Any) -> str:
    _, words = (compiler.process(part, **kw) for part in element.clauses)
    match = f"(SELECT group_concat('\"' || value || '\"', ' AND ') FROM json_each({words}))"
    return _in_index(f"SELECT rowid FROM contact_search WHERE contact_search MATCH {match}")


class has_part(FunctionElement[bool]):  # noqa: N801
    """The search text contains the part, which is too short for the index."""

    type = NullType()  # type: ignore[assignment]
    inherit_cache = True


@compiles(has_part)
def _has_part(element: has_part, compiler: Any, **kw: Any) -> str:
    text, part = (compiler.process(each, **kw) for each in element.clauses)
    return f"{text} LIKE '%' || {part} || '%'"


class is_alike(FunctionElement[bool]):  # noqa: N801
    """The search text has a word that is written much like `word`."""

    type = NullType()  # type: ignore[assignment]
    inherit_cache = True

    def __init__(self) -> None:
        super().__init__(table.c.search_text, bindparam("word"), bindparam("trigrams", type_=Texts))


@compiles(is_alike, "postgresql")
def _is_alike_on_postgresql(element: is_alike, compiler: Any, **kw: Any) -> str:
    text, word, _ = element.clauses
    return f"{compiler.process(word, **kw)} <% {compiler.process(text, **kw)}"


@compiles(is_alike, "sqlite")
def _is_alike_on_sqlite(element: is_alike, compiler: Any, **kw: Any) -> str:
    _, _, trigrams = (compiler.process(part, **kw) for part in element.clauses)
    return _in_index(
        f"SELECT hit.rowid FROM json_each({trigrams}) AS part CROSS JOIN contact_search AS hit "
        f"WHERE hit.contact_search MATCH '\"' || part.value || '\"' GROUP BY hit.rowid "
        f"HAVING count(*) >= max(2, json_array_length({trigrams}) - {_MISTAKES}) "
        f"ORDER BY count(*) DESC LIMIT {MOST_CANDIDATES}"
    )


def _in_index(rows: str) -> str:
    return (
        f"contacts.id IN (SELECT contact_id FROM contact_search_rows WHERE row_number IN ({rows}))"
    )


async def answer_search(call: Call, query: ListContacts) -> Answer:
    """Answer a list with `q`: the best matches first, at most `limit`, and no further page.

    Raises
    ------
    Forbidden
        The key may not see what the search looks into.
    Invalid
        The question has no letter or digit, too many words, or comes with a cursor.
    """
    if not call.may(f"{CONTACT.scopes}:pii"):
        raise Forbidden(f"A search needs a key with the scope {CONTACT.scopes}:pii.")
    if query.cursor is not None:
        raise invalid(
            "/query/cursor", "no_further_page", "A search has one page; ask with more words."
        )
    if query.count:
        raise invalid("/query/count", "not_counted", "A search finds the best, it does not count.")
    words = _words(query.q or "")
    question = await filters.ask(call, CONTACT, query)
    shape = await listing.shape_of(call, CONTACT, query)
    rows = await _find(call.database, question, shape, words)
    ranked = sorted(
        ((_score(words, row[1]), row) for row in rows), key=lambda pair: (-pair[0], pair[1][2])
    )
    items = [row[0] for score, row in ranked[: query.limit] if score >= _ALIKE]
    return Answer(('{"items":[' + ",".join(items) + "]}").encode())


def _words(q: str) -> list[str]:
    """Return the words to look for; what reads as a telephone number is one word."""
    letters = fold(q)
    number = digits(q)
    if number and len(number) >= _TRIGRAM and not any(letter.isalpha() for letter in letters):
        words = [number.removeprefix("00").lstrip("0") or number]
    else:
        words = letters.split()
    if not words:
        raise invalid("/query/q", "nothing_to_find", "Give at least a letter or a digit.")
    if len(words) > MOST_WORDS:
        raise invalid("/query/q", "too_many_words", f"Give at most {MOST_WORDS} words.")
    return words


async def _find(
    reader: Reader, question: Question, shape: ItemShape, words: Sequence[str]
) -> list[Any]:
    long = [word for word in words if len(word) >= _TRIGRAM]
    if not long:
        statement = _statement(question, shape, "part", 1)
        return await reader.texts(statement, {**question.values, "part": max(words, key=len)})
    statement = _statement(question, shape, "words", len(long))
    rows = await reader.texts(statement, {**question.values, "words": long})
    if rows:
        return rows
    word = max(long, key=len)
    trigrams = sorted({word[at : at + _TRIGRAM] for at in range(len(word) - _TRIGRAM + 1)})
    values = {**question.values, "word": word, "trigrams": trigrams}
    return await reader.texts(_statement(question, shape, "alike", 1), values)


@lru_cache(maxsize=500)
def _statement(question: Question, shape: ItemShape, how: str, count: int) -> Statement:
    found: ColumnElement[bool]
    if how == "words":
        found = has_words(count)
    elif how == "alike":
        found = is_alike()
    else:
        found = has_part(table.c.search_text, bindparam("part"))
    return Statement(
        select(shape.json(CONTACT), table.c.search_text, table.c.id)
        .where(found, *question.clauses())
        .limit(MOST_CANDIDATES)
    )


def _score(words: Sequence[str], text: str) -> float:
    """Return how well the words meet those of the text, 0 to 100: the mean of each one's best."""
    known = text.split()
    return sum(max((_meet(word, other) for other in known), default=0.0) for word in words) / len(
        words
    )


def _meet(word: str, other: str) -> float:
    if word == other:
        return 100.0
    if other.startswith(word):
        return 95.0 + 4.0 * len(word) / len(other)
    if word in other:
        return 85.0 + 5.0 * len(word) / len(other)
    return fuzz.ratio(word, other) * 0.9
