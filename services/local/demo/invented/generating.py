"""Tells every persona in its variations: the same seed gives the same customers."""

from dataclasses import dataclass
from random import Random

from services.local.demo.invented import acquisition, development, retention, termination, winback
from services.local.demo.invented.names import Names
from services.local.demo.invented.personas import Persona
from services.local.demo.invented.story import Story

PERSONAS: tuple[Persona, ...] = (
    *acquisition.PERSONAS,
    *development.PERSONAS,
    *retention.PERSONAS,
    *winback.PERSONAS,
    *termination.PERSONAS,
)
SEED = 1998


@dataclass(frozen=True)
class Told:
    """A customer and the persona that it is of."""

    persona: Persona
    story: Story


def tell_all(seed: int = SEED) -> list[Told]:
    """Tell all personas; every second customer speaks German.

    Each variation has its own random numbers, so that a persona more changes the story of no other.
    """
    told, names = [], Names()
    for persona in PERSONAS:
        for number in range(1, persona.count + 1):
            random = Random(f"{seed}/{persona.id}/{number}")
            language = ("en", "de")[number % 2]
            story = Story(f"{persona.id}-{number}", number, random, names, language)
            persona.tell(story)
            told.append(Told(persona, story))
    return told
