"""Drafts of the letters of due process, in the customer's language; a person completes and sends them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from services.analytics.catalogue.catalogue import Catalogue, Language
from services.analytics.termination_cases.naming import Names
from services.analytics.termination_cases.process import HEARING, REMEDY, Case, Standing
from services.analytics.texts import day_text
from services.foundation.problems import Problem

Purpose = Literal["remedy", "hearing", "decision"]

_SUBJECTS: Final[Mapping[Purpose, Mapping[Language, str]]] = {
    "remedy": {
        "en": "Our business relationship: a proposal",
        "de": "Unsere Geschäftsbeziehung: ein Vorschlag",
    },
    "hearing": {
        "en": "Our business relationship: your view matters",
        "de": "Unsere Geschäftsbeziehung: Gelegenheit zur Stellungnahme",
    },
    "decision": {
        "en": "Our business relationship: our decision",
        "de": "Unsere Geschäftsbeziehung: unsere Entscheidung",
    },
}
_GREETING: Final[Mapping[Language, str]] = {
    "en": "Dear Sir or Madam,",
    "de": "Sehr geehrte Damen und Herren,",
}
_CLOSING: Final[Mapping[Language, str]] = {
    "en": "Yours faithfully\n{contact}",
    "de": "Mit freundlichen Grüßen\n{contact}",
}
_CONTACT: Final[Mapping[Language, str]] = {
    "en": "[name, telephone and e-mail of the contact person]",
    "de": "[Name, Telefon und E-Mail der Ansprechperson]",
}
_REMEDY: Final[Mapping[Language, str]] = {
    "en": "We would like to continue our business relationship. For that, something has to change, and we "
    "propose the following:\n\n{remedies}\n\nPlease tell us by {day} whether you accept. Nothing changes "
    "for you until then, and you are welcome to propose something else.",
    "de": "wir möchten unsere Geschäftsbeziehung gern fortsetzen. Dafür muss sich etwas ändern, und wir "
    "schlagen Ihnen Folgendes vor:\n\n{remedies}\n\nBitte teilen Sie uns bis zum {day} mit, ob Sie "
    "einverstanden sind. Bis dahin ändert sich für Sie nichts; gern können Sie uns auch einen anderen "
    "Vorschlag machen.",
}
_HEARING: Final[Mapping[Language, str]] = {
    "en": "We are reviewing our business relationship with you. Nothing has been decided. These are the "
    "facts that we know:\n\n{facts}\n\nIn your favor we take into account:\n\n{counter}\n\nPlease tell us by "
    "{day} how you see it, what is wrong and what we do not know. You may answer in any form, and be "
    "represented. Afterwards a person who did not propose this review reads your answer and decides; no "
    "decision is made automatically.",
    "de": "wir prüfen unsere Geschäftsbeziehung mit Ihnen. Entschieden ist nichts. Folgende Tatsachen sind "
    "uns bekannt:\n\n{facts}\n\nZu Ihren Gunsten berücksichtigen wir:\n\n{counter}\n\nBitte teilen Sie uns "
    "bis zum {day} mit, wie Sie das sehen, was nicht stimmt und was wir nicht wissen. Sie können in jeder "
    "Form antworten und sich vertreten lassen. Danach liest ein Mensch, der diese Prüfung nicht "
    "vorgeschlagen hat, Ihre Antwort und entscheidet; automatisch wird nichts entschieden.",
}
_DECISIONS: Final[Mapping[str, Mapping[Language, str]]] = {
    "continue": {
        "en": "After reviewing the matter and your answer we continue our business relationship unchanged. "
        "Our reasons:\n\n{reason}",
        "de": "nach Prüfung des Sachverhalts und Ihrer Stellungnahme setzen wir unsere Geschäftsbeziehung "
        "unverändert fort. Unsere Gründe:\n\n{reason}",
    },
    "modify": {
        "en": "After reviewing the matter and your answer we continue our business relationship with this "
        "change:\n\n{modification}\n\nOur reasons:\n\n{reason}",
        "de": "nach Prüfung des Sachverhalts und Ihrer Stellungnahme setzen wir unsere Geschäftsbeziehung "
        "mit folgender Änderung fort:\n\n{modification}\n\nUnsere Gründe:\n\n{reason}",
    },
    "terminate": {
        "en": "After reviewing the matter and your answer we end our business relationship on {day}. Our "
        "reasons:\n\n{reason}",
        "de": "nach Prüfung des Sachverhalts und Ihrer Stellungnahme beenden wir unsere Geschäftsbeziehung "
        "zum {day}. Unsere Gründe:\n\n{reason}",
    },
}
_CONTESTING: Final[Mapping[Language, str]] = {
    "en": "If you do not agree, you can contest this decision: {way}. Another person then decides anew. "
    "Your contact person is {contact}.",
    "de": "Wenn Sie nicht einverstanden sind, können Sie dieser Entscheidung widersprechen: {way}. Dann "
    "entscheidet ein anderer Mensch neu. Ihre Ansprechperson ist {contact}.",
}
_UNNAMED: Final[Mapping[Language, str]] = {
    "en": "[date and amount or subject]",
    "de": "[Datum und Betrag oder Betreff]",
}
_NOTHING: Final[Mapping[Language, str]] = {
    "en": "[nothing is recorded so far]",
    "de": "[bisher ist nichts erfasst]",
}


class NotDecided(Problem):
    code, status = "not_decided", 409
    title = "Nothing is decided yet, so there is no decision to write about."


def purpose_of(case: Case) -> Purpose:
    """Tell which letter fits the step: the remedy until it has failed, then the hearing, then the decision."""
    content = case["content"]
    if content["decisions"]:
        return "decision"
    has_failed = content["remedy"] is not None and content["remedy"]["result"] == "failed"
    return "hearing" if has_failed else "remedy"


def draft(
    purpose: Purpose,
    case: Case,
    standing: Standing,
    named: Names,
    *,
    catalogue: Catalogue,
    language: Language,
    now: datetime,
) -> dict[str, str]:
    """Write a letter as far as it can be written without a person; records are called as `named`.

    Returns
    -------
    dict
        ``subject`` and ``text``. What a person has to fill in stands in square brackets.

    Raises
    ------
    NotDecided
        A letter about the decision is asked for, and there is none.
    """
    if purpose == "remedy":
        remedies = [f"- {each['text']}" for each in remedy_texts(case, catalogue, language)]
        day = day_text((now + REMEDY).date(), language=language)
        body = _REMEDY[language].format(remedies="\n".join(remedies), day=day)
    elif purpose == "hearing":
        body = _hearing(standing, named, catalogue=catalogue, language=language, now=now)
    else:
        body = _decision(case, language=language)
    closing = _CLOSING[language].format(contact=_CONTACT[language])
    text = f"{_GREETING[language]}\n\n{body}\n\n{closing}"
    return {"subject": _SUBJECTS[purpose][language], "text": text}


def remedy_texts(case: Case, catalogue: Catalogue, language: Language) -> list[dict[str, str]]:
    """Return the remedy of each profile of the case, in a language."""
    profiles = catalogue.sections["terminate_profiles"]
    return [
        {"profile_id": name, "text": str(getattr(profiles[name], f"remedy_{language}"))}
        for name in case["content"]["profile_ids"]
        if name in profiles
    ]


def _hearing(
    standing: Standing, named: Names, *, catalogue: Catalogue, language: Language, now: datetime
) -> str:
    facts, counter = [], []
    for signal in standing.signals:
        entry = catalogue.entry("termination_signals", signal)
        facts.append(f"- {getattr(entry, f'hearing_{language}')}")
        facts += [f"  - {named.get(each, _UNNAMED[language])}" for each in _ids(standing, signal)]
        counter += _ids(standing, signal, "counter_evidence")
    told = [f"- {named.get(each, _UNNAMED[language])}" for each in dict.fromkeys(counter)]
    return _HEARING[language].format(
        facts="\n".join(facts),
        counter="\n".join(told) or f"- {_NOTHING[language]}",
        day=day_text((now + HEARING).date(), language=language),
    )


def hearing_records(standing: Standing, named: Names) -> list[dict[str, str | None]]:
    """Return the records that the letter of a hearing names, in its order."""
    return [
        {"id": each, "signal_id": signal, "role": role, "name": named.get(each)}
        for role in ("grounds", "counter_evidence")
        for signal in standing.signals
        for each in _ids(standing, signal, role)
    ]


def _ids(standing: Standing, signal: str, role: str = "grounds") -> list[str]:
    return standing.evidence.get(signal, {}).get(role, [])


def _decision(case: Case, *, language: Language) -> str:
    decisions = case["content"]["decisions"]
    if not decisions:
        raise NotDecided()
    made: Mapping[str, Any] = decisions[-1]
    planned = made.get("planned_end_on")
    body = _DECISIONS[made["choice"]][language].format(
        reason=made["reason"],
        modification=made.get("modification"),
        day=planned and day_text(datetime.fromisoformat(planned).date(), language=language),
    )
    if made["choice"] == "continue":
        return body
    way = _CONTESTING[language].format(way=made["way_to_contest"], contact=made["contact_person"])
    return f"{body}\n\n{way}"
