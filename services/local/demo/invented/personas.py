"""What a persona is: a story that is told in variations."""

from collections.abc import Callable
from dataclasses import dataclass

from services.local.demo.invented.story import Story


@dataclass(frozen=True)
class Persona:
    """A story, told so many times.

    Attributes
    ----------
    id
        The customers are `<id>-1` to `<id>-<count>`.
    tell
        Tells it; its docstring says in a line what it is.
    """

    id: str
    tell: Callable[[Story], None]
    count: int

    @property
    def summary(self) -> str:
        return (self.tell.__doc__ or "").strip().splitlines()[0]
