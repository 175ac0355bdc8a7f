"""Words as somebody may have meant them: pure, on the words of a search."""

from collections.abc import Iterator
from string import ascii_lowercase

from rapidfuzz.distance import OSA

from services.crm_api.folding import fold

LONGEST = 24
_FEW_LETTERS = 4
_MANY_LETTERS = 7


def one_mistake_away(word: str) -> set[str]:
    """Return all spellings that one letter more, less or other, or two letters swapped, make of a word.

    Parameters
    ----------
    word
        As it was typed, umlauts and all: a swap beside an umlaut is one of the typed letters.
    """
    small = word.casefold()
    if not _FEW_LETTERS <= len(small) <= LONGEST:
        return set()
    folded = fold(small)
    found = set(_spellings(folded))
    if small != folded:
        found |= {fold(spelling) for spelling in _spellings(small)}
    return {spelling for spelling in found if len(spelling) >= _FEW_LETTERS} - {folded}


def _spellings(word: str) -> Iterator[str]:
    for at in range(len(word) + 1):
        before, after = word[:at], word[at:]
        yield from (before + letter + after for letter in ascii_lowercase)
        if after:
            yield before + after[1:]
            yield from (before + letter + after[1:] for letter in ascii_lowercase)
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]


def is_two_mistakes_away(word: str, known: str) -> bool:
    """Tell whether two mistakes make the one word of the other; short words would be any other."""
    return len(word) >= _MANY_LETTERS and OSA.distance(word, known, score_cutoff=2) <= 2
