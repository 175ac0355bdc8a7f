"""Finds contacts by a few words: candidates from an index of the database, ranked here.

Both databases have indexes of `contacts.search_text`: PostgreSQL one of its words and one of trigrams
(pg_trgm), SQLite one of trigrams (FTS5), which streams. All words have to be found: whole, else at the
beginning of others, else within them; if that finds nothing, a word is taken for those of `search_words`
that it may have been meant to be. The candidates are then ranked by how well each word of the question
meets a word of the contact, and only the best are read in full.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from rapidfuzz.distance import OSA
from sqlalchemy import ColumnElement, Join, Text, bindparam, column, select, table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

from services.crm_api import filters, listing
from services.crm_api.contacts.mistakes import is_two_mistakes_away, one_mistake_away
from services.crm_api.contacts.schemas import ListContacts
from services.crm_api.contacts.table import CONTACT, contacts, search_words
from services.crm_api.filters import Question
from services.crm_api.folding import LEGAL_FORMS, digits, fold
from services.crm_api.listing import ItemShape
from services.foundation.calls import Call
from services.foundation.columns import Texts
from services.foundation.constructs import any_of, is_among
from services.foundation.database import Reader
from services.foundation.problems import Answer, Forbidden, invalid
from services.foundation.statements import Statement

MOST_CANDIDATES = 100
MOST_WORDS = 8
_MOST_MEANT = 20
_SHORTEST = 2
_ALIKE = 70.0
_OPTIONAL_ZERO = re.compile(r"\(\s*0\s*\)")


class found_contacts(Join):  # noqa: N801 - reads as a table
    """The contacts; on SQLite reached from its index, a row at a time as far as they are wanted."""

    inherit_cache = False

    def __init__(self) -> None:
        rows = table("contact_search_rows", column("contact_id"))
        super().__init__(contacts, rows, rows.c.contact_id == contacts.c.id)


@compiles(found_contacts, "postgresql")
def _found_contacts_on_postgresql(*_: Any, **__: Any) -> str:
    return "contacts"


@compiles(found_contacts, "sqlite")
def _found_contacts_on_sqlite(*_: Any, **__: Any) -> str:
    return (
        "contact_search CROSS JOIN contact_search_rows ON row_number = contact_search.rowid "
        "CROSS JOIN contacts ON contacts.id = contact_search_rows.contact_id"
    )


class has_words(FunctionElement[bool]):  # noqa: N801 - reads as an SQL function
    """The search text has what `Condition.values` tells; its shape is how that is asked."""

    type = NullType()  # type: ignore[assignment]
    inherit_cache = False

    def __init__(self, asked: "Asked") -> None:
        self.has_lexemes = asked.has_lexemes
        parts = (bindparam(f"parts_{at}", type_=Texts) for at in range(asked.parts))
        super().__init__(
            contacts.c.search_text, bindparam("match"), bindparam("lexemes", type_=Text), *parts
        )


@compiles(has_words, "postgresql")
def _has_words_on_postgresql(element: has_words, compiler: Any, **kw: Any) -> str:
    column, _, lexemes, *parts = element.clauses
    text = compiler.process(column, **kw)
    arrays = (compiler.process(part, **kw).split("::")[0] for part in parts)
    conditions = [f"(' ' || {text} || ' ') LIKE ANY ({array}::text[])" for array in arrays]
    if element.has_lexemes:
        query = compiler.process(lexemes, **kw).split("::")[0]
        vector = f"array_to_tsvector(array_remove(string_to_array({text}, ' '), ''))"
        conditions.insert(0, f"{vector} @@ ({query}::text)::tsquery")
    return f"({' AND '.join(conditions)})"


@compiles(has_words, "sqlite")
def _has_words_on_sqlite(element: has_words, compiler: Any, **kw: Any) -> str:
    _, match, *_ = element.clauses
    return f"contact_search MATCH {compiler.process(match, **kw)}"


class is_found(has_words):  # noqa: N801 - reads as an SQL function
    """The same, of contacts that are reached by another way."""

    inherit_cache = False


@compiles(is_found, "sqlite")
def _is_found_on_sqlite(element: is_found, compiler: Any, **kw: Any) -> str:
    return (
        "contacts.id IN (SELECT contact_id FROM contact_search CROSS JOIN contact_search_rows "
        f"ON row_number = contact_search.rowid WHERE {_has_words_on_sqlite(element, compiler, **kw)})"
    )


@dataclass(frozen=True)
class Asked:
    """The shape of a condition: PostgreSQL has one index for words and another for parts of words."""

    has_lexemes: bool
    parts: int

    def clause(self) -> ColumnElement[bool]:
        """Build the condition for a statement that does not begin with `found_contacts`."""
        return is_found(self)


@dataclass(frozen=True)
class Condition:
    """For each word what of it has to be in the text: one of these, between the spaces of the text."""

    words: tuple[tuple[str, ...], ...]

    @property
    def asked(self) -> Asked:
        return Asked(any(map(_begins, self.words)), sum(not _begins(some) for some in self.words))

    def values(self) -> dict[str, Any]:
        lexemes = [
            " | ".join(f"'{part.strip()}'{'' if part.endswith(' ') else ':*'}" for part in some)
            for some in self.words
            if _begins(some)
        ]
        parts = [some for some in self.words if not _begins(some)]
        phrases = (" OR ".join(f'"{part}"' for part in some) for some in self.words)
        return {
            "match": " AND ".join(f"({some})" for some in phrases),
            "lexemes": " & ".join(f"({some})" for some in lexemes),
            **{f"parts_{at}": [f"%{part}%" for part in some] for at, some in enumerate(parts)},
        }


def _begins(parts: Sequence[str]) -> bool:
    """Tell whether all of these are beginnings of words, or whole ones."""
    return all(part.startswith(" ") for part in parts)


@dataclass(frozen=True)
class Words:
    """What is looked for: `folded` to find it, `typed` to guess what was meant."""

    folded: tuple[str, ...]
    typed: tuple[str, ...]

    def condition(self, how: str) -> Condition:
        """Ask for all of them: `whole`, at the `start` of a word, or anywhere `within`."""
        form = {"whole": " {} ", "start": " {}", "within": "{}"}
        # Two letters are no trigram, two behind a space are.
        hows = (how if len(word) > _SHORTEST else "start" for word in self.folded)
        spelled = (form[each].format(word) for word, each in zip(self.folded, hows, strict=True))
        return Condition(tuple((part,) for part in spelled))


async def answer_search(call: Call, query: ListContacts) -> Answer:
    """Answer a list with `q`: the best matches first, at most `limit`, and no further page.

    Raises
    ------
    Forbidden
        The key may not see what the search looks into.
    Invalid
        The question has no word of two letters, too many words, or comes with a cursor.
    """
    _require_sight(call)
    if query.cursor is not None:
        raise invalid(
            "/query/cursor", "no_further_page", "A search has one page; ask with more words."
        )
    if query.count:
        raise invalid("/query/count", "not_counted", "A search finds the best, it does not count.")
    if query.in_trash:
        raise invalid("/query/in_trash", "live_only", "A search finds live contacts only.")
    words = read_words(query.q or "")
    question = await filters.ask(call, CONTACT, query)
    question = await filters.of_survivors(call.database, question)
    shape = await listing.shape_of(call, CONTACT, query)
    found = await _find(call.database, question, words, enough=query.limit)
    scored = sorted((-_score(words.folded, text), str(id)) for id, text in found.items())
    best = [id for score, id in scored if -score >= _ALIKE][: query.limit]
    shown = dict(await call.database.texts(_shown(shape), {"ids": best})) if best else {}
    items = [shown[id] for id in best if id in shown]
    return Answer(('{"items":[' + ",".join(items) + "]}").encode())


async def narrow(call: Call, question: Question, q: str) -> Question:
    """Let a question ask besides for all contacts that have these words, or those that were meant.

    Raises
    ------
    Forbidden
        The key may not see what the search looks into.
    Invalid
        There is no word of two letters, or there are too many.
    """
    _require_sight(call)
    words = read_words(q)
    condition = words.condition("within")
    if not await _candidates(call.database, question, condition, most=1):
        condition = await _meant(call.database, words) or condition
    values = {**question.values, **condition.values()}
    return replace(question, search=condition.asked, values=values)


def _require_sight(call: Call) -> None:
    if not call.may(CONTACT.pii_scope):
        raise Forbidden(f"A search needs a key with the scope {CONTACT.pii_scope}.")


def read_words(q: str) -> Words:
    """Return the words to look for; digits that follow each other are one telephone number.

    Raises
    ------
    Invalid
        There are none, or too many.
    """
    folded: list[str] = []
    typed: list[str] = []
    for text in _OPTIONAL_ZERO.sub("", q).split():
        for word in fold(text).split():
            is_number = digits(word) == word
            if is_number and folded and digits(folded[-1]) == folded[-1]:
                folded[-1] += word
                continue
            folded.append(word)
            typed.append(text if fold(text) == word else word)
    if len(folded) > MOST_WORDS:
        raise invalid("/query/q", "too_many_words", f"Give at most {MOST_WORDS} words.")
    folded = [_number(word) if digits(word) == word else word for word in folded]
    kept = [(word, text) for word, text in zip(folded, typed, strict=True) if len(word) > 1]
    telling = [pair for pair in kept if pair[0] not in LEGAL_FORMS] or kept
    if not telling:
        message = "Give a word of at least two letters or digits."
        raise invalid("/query/q", "nothing_to_find", message)
    return Words(tuple(word for word, _ in telling), tuple(text for _, text in telling))


def _number(word: str) -> str:
    """Return a number as it stands in every spelling of it: without the zeros of its prefix."""
    return word.lstrip("0") or word


async def _find(reader: Reader, question: Question, words: Words, *, enough: int) -> dict[str, str]:
    """Return the search texts of the candidates by their ids, all of them or as many as are enough."""
    # Contacts that have all words whole are equally good, so as many as are shown will do.
    found = await _candidates(reader, question, words.condition("whole"), most=enough)
    if len(found) >= enough:
        return found
    most = max(enough, MOST_CANDIDATES)
    within = await _candidates(reader, question, words.condition("within"), most=most)
    if len(within) >= most:
        # Not all of them: those that begin so are rather meant.
        within |= await _candidates(reader, question, words.condition("start"), most=most)
    found |= within
    if not found and (meant := await _meant(reader, words)):
        found = await _candidates(reader, question, meant, most=most)
    return found


async def _candidates(
    reader: Reader, question: Question, condition: Condition, *, most: int
) -> dict[str, str]:
    values = {**question.values, **condition.values(), "most": most}
    return dict(await reader.texts(_statement(question, condition.asked), values))


async def _meant(reader: Reader, words: Words) -> Condition | None:
    """Return what may have been meant; None if no word can have been another."""
    parts: list[tuple[str, ...]] = []
    for word, typed in zip(words.folded, words.typed, strict=True):
        if not word.isalpha():
            parts.append((word,))
            continue
        spellings = {word, *one_mistake_away(typed)}
        meant = await _known(reader, spellings) or await _further(reader, word)
        parts.append((f" {word}", *(f" {each} " for each in meant if each != word)))
    return Condition(tuple(parts)) if any(len(some) > 1 for some in parts) else None


_KNOWN = Statement(
    select(search_words.c.word)
    .distinct()
    .where(any_of(search_words.c.word, bindparam("words", type_=Texts)))
    .limit(_MOST_MEANT)
)
_BEGINNING = Statement(
    select(search_words.c.word)
    .where(search_words.c.word >= bindparam("from"), search_words.c.word < bindparam("until"))
    .limit(5_000)
)


async def _known(reader: Reader, spellings: set[str]) -> list[str]:
    rows = await reader.texts(_KNOWN, {"words": sorted(spellings)})
    return [row[0] for row in rows]


async def _further(reader: Reader, word: str) -> list[str]:
    """Return known words that begin alike and are two mistakes away."""
    start = word[:3]
    bounds = {"from": start, "until": start[:-1] + chr(ord(start[-1]) + 1)}
    rows = await reader.texts(_BEGINNING, bounds)
    return sorted({row[0] for row in rows if is_two_mistakes_away(word, row[0])})[:_MOST_MEANT]


@lru_cache(maxsize=500)
def _statement(question: Question, asked: Asked) -> Statement:
    return Statement(
        select(contacts.c.id, contacts.c.search_text)
        .select_from(found_contacts())
        .where(has_words(asked), *question.clauses())
        .limit(bindparam("most")),
        planned="anew",
    )


@lru_cache(maxsize=500)
def _shown(shape: ItemShape) -> Statement:
    return Statement(select(contacts.c.id, shape.json(CONTACT)).where(is_among(contacts.c.id)))


def _score(words: Sequence[str], text: str) -> float:
    """Return how well the words meet those of the text, 0 to 100: the mean of each one's best."""
    known = text.split()
    return sum(_best(word, known) for word in words) / len(words)


def _best(word: str, known: Sequence[str]) -> float:
    if word in known:
        return 100.0
    begun = [other for other in known if other.startswith(word)]
    if begun:
        return 95.0 + 4.0 * len(word) / min(map(len, begun))
    within = [other for other in known if word in other]
    if within:
        return 85.0 + 5.0 * len(word) / min(map(len, within))
    return 90.0 * max((OSA.normalized_similarity(word, other) for other in known), default=0.0)
