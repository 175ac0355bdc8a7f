"""What a CRM should hold after some writes: a plain model that the state machine compares with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
MOVING = {"version", "updated_at"}
"""What every write changes, also one that takes another back."""


def same(left: Mapping[str, Any], right: Mapping[str, Any], *, without: Iterable[str] = ()) -> bool:
    return not differences(left, right, without=without)


def differences(
    left: Mapping[str, Any], right: Mapping[str, Any], *, without: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the fields that differ, with both values."""
    names = (left.keys() | right.keys()) - set(without)
    return {
        name: (left.get(name, "absent"), right.get(name, "absent"))
        for name in sorted(names)
        if left.get(name, "absent") != right.get(name, "absent")
    }


def assert_same(
    left: Mapping[str, Any], right: Mapping[str, Any], *, without: Iterable[str] = ()
) -> None:
    found = differences(left, right, without=without)
    assert not found, f"{right.get('id')}: {found}"


@dataclass
class Kept:
    """A record as it should be; `past` are its states by version."""

    plural: str
    body: Body
    is_live: bool = True
    merged_into: str | None = None
    is_stale: bool = False
    """Whether another record's write changed it, so that its `updated_at` is still to be read."""
    past: dict[int, tuple[Body, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.remember()

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def version(self) -> int:
        return int(self.body["version"])

    def remember(self) -> None:
        self.past[self.version] = (dict(self.body), self.is_live)

    def is_as_in(self, version: int) -> bool:
        """Return whether it is as this version left it: what came since was itself taken back."""
        body, was_live = self.past[version]
        without = {*MOVING, "deleted_at"}
        return was_live == self.is_live and same(body, self.body, without=without)

    def move_on(self, fields: Mapping[str, Any], *, is_live: bool | None = None) -> None:
        """Take note of a write whose answer does not show the record."""
        self.body = {**self.body, **fields, "version": self.version + 1}
        self.is_live = self.is_live if is_live is None else is_live
        self.is_stale = True
        self.remember()


@dataclass(frozen=True)
class Done:
    """A request that wrote: which records, from which version to which."""

    request_id: str
    touched: tuple[tuple[str, int, int], ...]
    is_undoable: bool = True
    merged: str | None = None
    """The contact that the request merged away: to undo it is to take the merge back."""


def next_consents(events: Iterable[Mapping[str, Any]]) -> list[Body]:
    """Derive what is allowed, by the words of the specification (section 1, consents)."""
    states: dict[tuple[str, str], tuple[str, str]] = {}
    refusals = ("withdrawn", "objected")
    for event in sorted(
        events, key=lambda each: (each["occurred_at"], each["action"] in refusals, each["id"])
    ):
        at = (event["channel"], event["purpose"])
        before = states.get(at, ("none", ""))[0]
        after = next_state(event, before)
        if after not in (before, "refused"):
            states[at] = (after, event["occurred_at"])
    return [
        {"channel": channel, "purpose": purpose, "state": state, "since": since}
        for (channel, purpose), (state, since) in sorted(states.items())
    ]


def next_state(event: Mapping[str, Any], before: str) -> str:
    """Return the state after an event, or `refused` if it cannot follow."""
    action, by_consent = event["action"], event["basis"] == "consent"
    if action == "confirmed":
        return "granted" if before in ("pending", "granted") else "refused"
    if action != "granted":
        return str(action)
    if before in ("withdrawn", "objected") and not by_consent:
        return "refused"
    if event["channel"] == "email" and event["basis"] == "legitimate_interest":
        return "refused"
    needs_confirmation = by_consent and event["channel"] == "email" and before != "granted"
    return "pending" if needs_confirmation else "granted"


def replay(events: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, bool]]:
    """Follow a feed and return the version of each record, and whether it is live.

    Fails on a gap, on a change that comes twice and on one that comes too early.
    """
    state: dict[str, tuple[int, bool]] = {}
    seen: set[str] = set()
    for event in events:
        assert event["id"] not in seen, event
        seen.add(event["id"])
        record, action = event["subject"].partition("/")[2], event["type"].split(".")[2]
        version, is_live = state.get(record, (0, False))
        assert event["data"]["version"] == version + 1, (version, event)
        if action in ("created", "restored", "unmerged"):
            is_live = True
        elif action in ("deleted", "merged", "erased"):
            is_live = False
        state[record] = (version + 1, is_live)
    return state
