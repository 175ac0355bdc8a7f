"""How a text file falls into cells: delimiter and quote."""

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from services.crm_api.imports.detection.findings import (
    LONGEST_SAMPLE,
    SAMPLE_RECORDS,
    Hints,
    Option,
    Question,
)
from services.crm_api.imports.reading.reader import records
from services.crm_api.imports.reading.records import WHITESPACE, Dialect, Row
from services.crm_api.imports.values import dates, numbers

_DELIMITERS = ("\t", ";", "|", ",")
_SINGLE_QUOTED = re.compile(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r\n])", re.MULTILINE)


class _Trial(NamedTuple):
    """How well a dialect fits: whether the first record is as wide as most, their share, …"""

    is_first_usual: bool
    usual_share: float
    typed_share: float
    width: int
    dialect: Dialect
    first: tuple[str, ...]


def detect_structure(
    base: Dialect, head: bytes, text: str, given: Hints, questions: list[Question]
) -> Dialect:
    quote = given.quote if given.quote is not None else '"'
    if given.quote is None and '"' not in text and len(_SINGLE_QUOTED.findall(text)) > 1:
        quote = "'"
    base = replace(base, quote=quote or None)
    if told := re.match(r"sep=(.)\r?\n", text, re.IGNORECASE):
        base = replace(base, preamble_lines=1, delimiter=told[1])
    delimiter = given.delimiter or (told[1] if told else None)
    if delimiter is None and given.format == "tsv":
        delimiter = "\t"
    if delimiter is not None:
        return spelled(base, delimiter, text)
    trials = [_trial(spelled(base, each, text), head) for each in _DELIMITERS]
    trials = sorted((trial for trial in trials if trial.width > 1), key=_fit, reverse=True)
    if not trials or trials[0].usual_share < 0.6:
        spaced = _trial(spelled(base, WHITESPACE, text), head)
        if spaced.width > 1 and spaced.usual_share == 1 and re.search(r"(?m)^ |  ", text):
            return spaced.dialect
        if not trials:
            unused = [each for each in (",", ";", "\t", "|") if each not in text]
            return spelled(base, unused[0] if unused else ",", text)
    if len(trials) > 1 and _fit(trials[0]) == _fit(trials[1]):
        questions.append(_delimiter_question(trials))
    return trials[0].dialect


def _fit(trial: _Trial) -> tuple[bool, float, bool, float]:
    is_good = trial.usual_share >= 0.9
    return is_good, is_good or trial.usual_share, trial.is_first_usual, round(trial.typed_share, 1)


def spelled(base: Dialect, delimiter: str, text: str) -> Dialect:
    if delimiter == WHITESPACE:
        return replace(base, delimiter=delimiter, quote=None)
    count, spaced = text.count(delimiter), text.count(delimiter + " ")
    is_quoted = re.search(f'{re.escape(delimiter)} "(?!")', text) is not None
    skips = delimiter not in "\t " and count > 0 and (spaced >= 0.6 * count or is_quoted)
    return replace(
        base,
        format="tsv" if delimiter == "\t" else "csv",
        delimiter=delimiter,
        skips_initial_space=skips,
    )


def _trial(dialect: Dialect, head: bytes) -> _Trial:
    sample = list(islice(records(io.BytesIO(head), dialect), SAMPLE_RECORDS))
    rows = [record.cells for record in sample if isinstance(record, Row)]
    if not rows:
        return _Trial(False, 0.0, 0.0, 0, dialect, ())
    widths = Counter(len(cells) for cells in rows)
    width, count = max(widths.items(), key=lambda pair: (pair[1], pair[0]))
    cells = [cell for row in rows for cell in row if cell.strip()]
    typed = sum(is_typed(cell) for cell in cells) / max(1, len(cells))
    is_first_usual = len(rows[0]) == width
    return _Trial(is_first_usual, count / len(sample), typed, width, dialect, rows[0])


def is_typed(cell: str) -> bool:
    content = cell.strip()
    if dates.date_parts(content):
        return True
    parts = numbers.number_parts(content)
    return parts is not None and numbers.decimal_mark_shown(parts.body) != "neither"


def _delimiter_question(trials: Sequence[_Trial]) -> Question:
    best = [trial for trial in trials if _fit(trial) == _fit(trials[0])]
    return Question(
        "ambiguous_delimiter",
        None,
        "which character separates the cells?",
        "welches Zeichen trennt die Zellen?",
        tuple(
            Option(
                trial.dialect.delimiter,
                tuple((f"{at}", cell[:LONGEST_SAMPLE]) for at, cell in enumerate(trial.first, 1)),
            )
            for trial in best
        ),
    )
