"""The shapes of the closed lists."""

from typing import Annotated

from pydantic import Field

from shared.values import Shape, text, word

WordId = Annotated[
    str, Field(max_length=64, pattern=r"^[a-z0-9][a-z0-9_:]{0,63}$", examples=["winback"])
]


class Word(Shape):
    """A word of a closed list."""

    id: WordId = Field(description="What is sent and stored.")
    label_en: text(100, example="Win-back") = Field(description="What people read in English.")
    label_de: text(100, example="Rückgewinnung") = Field(description="What people read in German.")


class ClosedList(Shape):
    """A closed list."""

    name: word(example="phase") = Field(description="Of which field or kind.")
    words: Annotated[list[Word], Field(max_length=100)] = Field(description="Its words in order.")


class Meta(Shape):
    """Every closed list of the API."""

    items: Annotated[list[ClosedList], Field(max_length=200)] = Field(description="The lists.")
