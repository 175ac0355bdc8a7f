"""What to say of a name that nobody knows: the one that was meant, or those that there are."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from services.foundation.queries import Query

LONGEST_LIST = 500
LIKELY = 3


def advice(
    model: Any,
    path: Sequence[int | str],
    unknown: str,
    *,
    guess: bool = True,
    more: Sequence[str] = (),
) -> str:
    """Say that `unknown` is no name there, and what is.

    `model` describes what was sent, `path` says where in it the name stands. Without `guess` nothing
    is looked for that resembles it, which takes its time if it is asked a hundred times. `more`
    are names that the model knows only how they begin.
    """
    models = _models_at(model, path)
    what = "parameter" if any(issubclass(each, Query) for each in models) else "field"
    if meant := [name for name in more if name.partition(".")[2] == unknown]:
        return f"There is no {what} `{unknown}`; did you mean `{meant[0]}`?"
    return advice_among([*more, *_names(models)], unknown, what=what, guess=guess)


def advice_among(
    names: Sequence[str], unknown: str, *, what: str = "field", guess: bool = True
) -> str:
    """Say that `unknown` is none of these names, and what is."""
    told = f"There is no {what} `{unknown}`"
    near = get_close_matches(unknown, names, LIKELY) if guess else []
    if near:
        return f"{told}; did you mean {' or '.join(f'`{name}`' for name in near)}?"
    return f"{told}; there are: {_listed(names)}." if names else f"{told}."


def _models_at(model: Any, path: Sequence[int | str]) -> list[type[BaseModel]]:
    """Return the models that may describe what stands at a path; places in lists lead nowhere else."""
    models = _models_in(model)
    for part in path:
        tagged = [each for each in models if _is_tag(part, each)] if len(models) > 1 else []
        models = tagged or _models_at_part(models, part)
    return models


def _models_at_part(models: list[type[BaseModel]], part: int | str) -> list[type[BaseModel]]:
    fields = [
        field
        for each in models
        for name, field in each.model_fields.items()
        if part in (name, field.alias)
    ]
    if not fields:
        return models
    return [found for field in fields for found in _models_in(field.annotation)]


def without_tags(model: Any, location: Sequence[int | str]) -> list[int | str]:
    """Leave out of pydantic's location what stands in no document: which of several shapes it chose."""
    models, path = _models_in(model), list[int | str]()
    for part in location:
        tagged = [each for each in models if _is_tag(part, each)] if len(models) > 1 else []
        if tagged:
            models = tagged
            continue
        path.append(part)
        models = _models_at_part(models, part)
    return path


def _is_tag(part: int | str, model: type[BaseModel]) -> bool:
    return any(
        get_origin(field.annotation) is Literal and part in get_args(field.annotation)
        for field in model.model_fields.values()
    )


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]


def _names(models: Iterable[type[BaseModel]]) -> list[str]:
    names: dict[str, None] = {}
    for each in models:
        names |= {field.alias or name: None for name, field in each.model_fields.items()}
        if issubclass(each, Query) and each.more_prefix:
            names[f"{each.more_prefix}…"] = None
    return list(names)


def _listed(names: Sequence[str]) -> str:
    """Write names one after the other, and how many are left when there is no more room."""
    shown: list[str] = []
    length = 0
    for name in names:
        length += len(name) + 2
        if length > LONGEST_LIST:
            return f"{', '.join(shown)} and {len(names) - len(shown)} more"
        shown.append(name)
    return ", ".join(shown)
