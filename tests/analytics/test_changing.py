"""What follows from changes alone is what computing everything gives: to the last digit, in any parts."""

import asyncio
import errno
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Self, get_args

import orjson
import pandas as pd
import pytest
from sqlalchemy import select

from services.analytics import changing, computing
from services.analytics.calculations.contracts.parameters import ContractParameters
from services.analytics.calculations.estimates import Estimates
from services.analytics.calculations.parameters import Family, Parameters, RhythmParameters
from services.analytics.calculations.purchase_models.spend import GammaGamma, SpendFit
from services.analytics.calculations.quality import Quality
from services.analytics.calculations.standing.summary import standing_summary
from services.analytics.calculations.totals import total_customers
from services.analytics.catalogue.catalogue import load_catalogue
from services.analytics.catalogue.options import reach_parameters, strategy_options
from services.analytics.changing import Changes, compute_changes
from services.analytics.computing import Computed, Rules, compute_base, estimate_base
from services.analytics.crm_reading import Reading
from services.analytics.estimates_file import read_estimates, write_estimates
from services.analytics.frame_files import FrameFiles
from services.analytics.frames.building import Frames, build_frames
from services.analytics.ledger import (
    LEDGER_COLUMNS,
    Ledger,
    Mark,
    read_ledger,
    remember,
    write_ledger,
)
from services.analytics.mirror.records import OWNED
from services.analytics.mirror.snapshot import Snapshot
from services.analytics.mirror.writer import Mirror
from services.analytics.publishing import NewVersion, publish, publish_changes
from services.analytics.store import NEWEST
from services.analytics.tables import RANK_COLUMNS, SLOTS
from services.foundation.connecting import connect
from services.foundation.statements import Record, Statement
from tests.analytics import test_mirror_views
from tests.analytics.test_frames import BEFORE, BERLIN, DAY, LATER, PARAMETERS, Row, history
from tests.analytics.test_reach_frames import consents
from tests.conftest import BOTH, Templates

CATALOGUE = load_catalogue()
FRAMES = replace(PARAMETERS, reach=reach_parameters(CATALOGUE))
# So few contracts teach nothing, of however many months.
FEW_MONTHS = Parameters(contracts=ContractParameters(history_months=4))
RULES = Rules(DAY, BERLIN, "EUR", FRAMES, FEW_MONTHS, strategy_options(CATALOGUE))
MARK = Mark(1, "1", "rules")
RECORDS_PER_PART = 240  # a few parts: each is built anew for all that is estimated
KINDS = (
    *("call", "email", "complaint", "service_request", "offer", "cancellation", "quote_request"),
    *("survey_response", "campaign_touch", "idea", "referral", "life_event", "note"),
)


class Crm(test_mirror_views.Crm):
    """Generated records that have everything which numbers are made of, and several on many a day."""

    def pick(self, *choices: Any) -> Any:
        return choices[self.random.integers(len(choices))]

    @classmethod
    def make(cls, seed: int) -> Self:
        crm = super().make(seed)
        crm.rows["products"] = {f"p{n}": crm.product(n) for n in range(9)}
        return crm

    def product(self, number: int) -> Row:
        return {
            "id": f"p{number}",
            "key": f"P{number}",
            "name": f"Product {number}",
            "category": self.pick("lamps", "chairs", None),
            "list_price_minor": self.maybe(1_000 * (number + 1), 0.8),
            "list_price_currency": self.pick("EUR", "EUR", "USD"),
            "unit_cost_minor": self.maybe(500 * (number + 1), 0.8),
            "unit_cost_currency": "EUR",
            "complements": '["P1"]' if number == 0 else "[]",
            "successor_id": "P3" if number == 2 else None,
            "is_repeatable": self.pick(True, False),
            "replacement_days": self.pick(200, None),
            "is_sample": number == 7,
            "is_for_sale": number != 8,
        }

    def lines(self) -> str:
        keys = {f"P{self.random.integers(9)}" for _ in range(self.random.integers(1, 5))}
        return orjson.dumps([{"product_id": key} for key in sorted(keys)]).decode()

    def at(self) -> Any:
        return BEFORE + timedelta(days=7 * int(self.random.integers(-60, 5)))

    def contact(self, name: str) -> Row:
        return super().contact(name) | {
            "parent_id": self.maybe(self.any_contact(), 0.25),
            "referred_by_id": self.maybe(self.any_contact(), 0.3),
            "status": self.pick("active", "active", "active", "terminated"),
            "source_campaign_id": self.maybe(self.pick("mail", "fair"), 0.6),
            "profiling_objection_at": self.maybe(BEFORE, 0.3),
            "protections": self.maybe('["hardship"]', 0.1) or "[]",
            "flags": self.maybe('["innovation_partner"]', 0.1) or "[]",
            "owner_id": self.maybe(self.pick("mia", "tom"), 0.5),
            "consents": self.maybe(
                consents(("email", "marketing", self.pick("granted", "withdrawn"))), 0.7
            ),
            "has_email": self.maybe(True, 0.8),
            "has_address": self.maybe(True, 0.5),
            "communication_style": self.maybe(self.pick("brief", "normal"), 0.5),
            "acquisition_cost_minor": self.maybe(int(self.random.integers(1, 999)), 0.6),
        }

    def deal(self, name: str) -> Row:
        at, amount = self.at(), int(self.random.integers(1, 99_999))
        stage = self.pick("won", "won", "won", "won", "lost", "proposal")
        is_refunded = self.random.random() < 0.1
        return super().deal(name) | {
            "opened_at": at - timedelta(days=3),
            "closed_at": at if stage in ("won", "lost") else None,
            "stage": stage,
            "stage_kind": stage if stage in ("won", "lost") else "open",
            "stage_history": history(("proposal", at), (stage, at)),
            "amount_minor": self.maybe(amount, 0.95),
            "cost_minor": self.maybe(amount // 3, 0.7),
            "fx_rate": self.maybe(0.9137, 0.7),
            "refund_minor": self.pick(amount, amount // 7) if is_refunded else None,
            "refunded_at": at if is_refunded else None,
            "discount_pct": self.maybe(10.0),
            "contract_end_at": self.maybe(LATER, 0.1),
            "due_at": self.maybe(at + timedelta(days=14), 0.5),
            "paid_at": self.maybe(at + timedelta(days=int(self.random.integers(0, 60))), 0.8),
            "lost_reason": self.pick("price", "competitor") if stage == "lost" else None,
            "lines": self.lines(),
            "won_reason": self.maybe(self.pick("price", "trust"), 0.4),
        }

    def interaction(self, name: str) -> Row:
        kind = self.pick(*KINDS)
        return super().interaction(name) | {
            "kind": kind,
            "occurred_at": self.at(),
            "direction": self.pick("inbound", "outbound", "internal"),
            "channel": self.pick("email", "post", "phone"),
            "sentiment": self.maybe(float(self.random.uniform(-1, 1)), 0.6),
            "severity": self.pick(1, 2, 3) if kind == "complaint" else None,
            "justified": self.maybe(True) if kind == "complaint" else None,
            "resolution": self.maybe("resolved", 0.5) if kind == "complaint" else None,
            "resolved_at": self.maybe(BEFORE, 0.4) if kind == "complaint" else None,
            "event_type": self.pick("move", "household_growth") if kind == "life_event" else None,
            "nps": self.pick(0, 6, 9, 10) if kind == "survey_response" else None,
            "tags": self.maybe('["leave_intent"]', 0.1) or "[]",
            "outcome": self.pick("declined", None)
            if kind == "offer"
            else self.pick("delivered", "clicked", None),
            "product_id": f"P{self.random.integers(9)}" if kind == "offer" else None,
            "cost_minor": self.maybe(int(self.random.integers(1, 999)), 0.5),
            "cost_currency": "EUR",
            "ratings": orjson.dumps(
                [{"dimension": "product", "perception": float(self.random.integers(1, 11))}]
            ).decode()
            if kind == "survey_response"
            else "[]",
        }

    def change(self) -> None:
        """Change some records of all kinds; merge one contact into another, and erase one."""
        super().change()
        contacts = self.rows["contacts"]
        merged, into, erased = (str(n) for n in self.random.choice([*contacts], 3, replace=False))
        del contacts[merged]
        contacts[erased]["erased_at"] = BEFORE
        self.changed["contacts"] |= {merged, erased}
        for resource in OWNED:
            for name, row in self.rows[resource].items():
                if row["contact_id"] == merged:
                    row["contact_id"] = into
                    self.changed[resource].add(name)


@pytest.fixture(autouse=True)
def follows_any_number_of_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changing, "_WORTH_FOLLOWING", 1.0)


def opened(folder: Path) -> Mirror:
    return Mirror(folder, rows_per_batch=64, changed_share=0.3)


def with_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Write categories as words: which of them are known at all differs between parts."""
    words = frame.select_dtypes("category").columns
    return frame.astype(dict.fromkeys(words, "object")).reset_index(drop=True)


def assert_equal(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    columns = sorted(map(str, expected))
    pd.testing.assert_frame_equal(
        with_words(found)[columns], with_words(expected)[columns], check_exact=True
    )


def counts(quality: Quality) -> Any:
    findings = {
        name: replace(each, examples=())
        for name, each in quality.findings.items()
        if each.count or each.amounts
    }
    fields = {name: each for name, each in quality.fields.items() if each.record_count}
    owners = {
        owner: {name: each for name, each in fields.items() if each.record_count}
        for owner, fields in quality.owners.items()
    }
    return findings, fields, {owner: fields for owner, fields in owners.items() if fields}


def assert_same_base(found: Computed | Ledger, expected: Computed) -> None:
    """Compare all that is remembered of a base and told of it as a whole."""
    names = list(LEDGER_COLUMNS)
    assert_equal(found.customers[names], expected.customers[names])
    assert_equal(found.unconverted, expected.unconverted)
    assert found.erased == expected.erased
    assert counts(found.quality) == counts(expected.quality)
    documents = [
        (
            total_customers(each.customers, each.unconverted),
            standing_summary(each.customers, erased=each.erased),
        )
        for each in (found, expected)
    ]
    assert orjson.dumps(documents[0]) == orjson.dumps(documents[1])


def with_changes(shown: pd.DataFrame, changes: Changes) -> pd.DataFrame:
    """Do to whole rows what publishing changes does to a table."""
    replaced = {*changes.changed["unit_id"], *changes.removed}
    kept = with_words(shown[~shown["unit_id"].isin(replaced)]).set_index("unit_id")
    ranks = with_words(changes.ranks).set_index("unit_id")
    kept.loc[ranks.index, list(RANK_COLUMNS)] = ranks
    rows = pd.concat([kept.copy().reset_index(), with_words(changes.changed)], ignore_index=True)
    return rows.sort_values("unit_id")


def following(
    crm: Crm, mirror: Mirror, before: Snapshot, ledger: Ledger, estimates: Estimates
) -> tuple[Snapshot, Changes]:
    crm.change()
    changed, after = crm.apply(mirror, before)
    changes = compute_changes(Reading(after, before, changed), ledger, RULES, estimates)
    assert changes is not None
    return after, changes


@pytest.mark.parametrize("seed", range(2))
def test_a_chain_of_changes_ends_as_computing_and_as_reading_everything_does(
    tmp_path: Path, seed: int
) -> None:
    crm = Crm.make(seed)
    with opened(tmp_path / "a") as mirror, opened(tmp_path / "b") as other:
        before = crm.load(mirror)
        estimates = estimate_base(before, RULES)
        base = compute_base(before, RULES, estimates)
        ledger, shown = remember(base, MARK), base.customers
        for step in range(2):
            after, changes = following(crm, mirror, before, ledger, estimates)
            assert 0 < len(changes.changed) < len(changes.base.customers)
            shown = with_changes(shown, changes)
            for snapshot in (after, crm.load(other)) if step == 1 else (after,):
                expected = compute_base(snapshot, RULES, estimates)
                assert_equal(shown, expected.customers)
                assert_same_base(changes.base, expected)
            write_ledger(tmp_path, remember(changes.base, MARK))
            found = read_ledger(tmp_path)
            assert found is not None
            before, ledger = after, found


@dataclass(frozen=True)
class InParts:
    """A base of a few parts, what was computed of it, and for how many parts frames were built."""

    snapshot: Snapshot
    estimates: Estimates
    computed: Computed
    built_count: int


@contextmanager
def counted_parts() -> Iterator[list[Snapshot]]:
    """Cut bases into a few parts, and list those for which frames are built."""
    built: list[Snapshot] = []

    def counted(part: Snapshot, **options: Any) -> Frames:
        built.append(part)
        return build_frames(part, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(computing, "RECORDS_PER_PART", RECORDS_PER_PART)
        patched.setattr(computing, "build_frames", counted)
        yield built


@pytest.fixture(scope="module")
def in_parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InParts]:
    with opened(tmp_path_factory.mktemp("parts")) as mirror:
        snapshot = Crm.make(1).load(mirror)
        with counted_parts() as built:
            estimates = estimate_base(snapshot, RULES)
            computed = compute_base(snapshot, RULES, estimates)
        yield InParts(snapshot, estimates, computed, len(built))


@pytest.mark.parametrize("disk", ["free", "full", "in the way"])
def test_frames_that_were_kept_give_what_frames_built_anew_give(
    in_parts: InParts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: str
) -> None:
    snapshot, estimates, anew = in_parts.snapshot, in_parts.estimates, in_parts.built_count
    if disk == "in the way":
        (tmp_path / "frames").write_text("a file of somebody else")
    else:
        (tmp_path / "frames").mkdir()
        (tmp_path / "frames" / "0.pickle").write_bytes(b"left by a killed refresh")
    if disk == "full":
        monkeypatch.setattr(pickle, "dump", fail_as_full)
    with counted_parts() as built, FrameFiles(tmp_path) as kept:
        parts = computing.part_count(snapshot)
        assert estimate_base(snapshot, RULES, kept=kept) == estimates
        found = compute_base(snapshot, RULES, estimates, kept=kept)
    assert len(built) == (anew - parts if disk == "free" else anew)
    assert (tmp_path / "frames").exists() == (disk == "in the way")
    assert_equal(found.customers, in_parts.computed.customers)
    assert_same_base(found, in_parts.computed)


def fail_as_full(_: object, file: IO[bytes], **__: object) -> None:
    file.write(b"half")
    raise OSError(errno.ENOSPC, "No space left on device")


def test_partitions_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crm = Crm.make(1)
    with opened(tmp_path) as mirror:
        before = crm.load(mirror)
        crm.change()
        _, snapshot = crm.apply(mirror, before)
        estimates = estimate_base(snapshot, RULES)
        whole = compute_base(snapshot, RULES, estimates)
        monkeypatch.setattr(computing, "RECORDS_PER_PART", RECORDS_PER_PART)
        assert computing.part_count(snapshot) > 2
        parts = compute_base(snapshot, RULES, estimates)
        anew = estimate_base(snapshot, RULES)
    assert_equal(parts.customers, whole.customers)
    assert_same_base(parts, whole)
    assert parts.quality == whole.quality
    assert anew.purchase_fit == estimates.purchase_fit
    assert whole.customers["product1"].notna().any()
    # What became of affinities is looked up in the first part alone.
    assert replace(anew.affinities, new_level=1, repeat_level=1) == replace(
        estimates.affinities, new_level=1, repeat_level=1
    )


def test_a_sample_is_of_whole_units_and_as_large_as_asked(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        snapshot = Crm.make(1).load(mirror)
        whole = RULES.frames_of(snapshot)
        bought = whole.deals["unit"].nunique()
        part = computing.sample_part(snapshot, RULES, size=bought // 5)
        frames = RULES.frames_of(part)
        assert computing.sample_part(snapshot, RULES, size=bought).row_counts == snapshot.row_counts
    assert bought / 20 < frames.deals["unit"].nunique() < bought / 2
    deals = {
        name: each.deals.groupby(each.units["unit_id"].to_numpy()[each.deals["unit"]]).size()
        for name, each in (("whole", whole), ("part", frames))
    }
    assert set(frames.units["unit_id"]) < set(whole.units["unit_id"])
    pd.testing.assert_series_equal(deals["part"], deals["whole"].loc[deals["part"].index])


@pytest.mark.parametrize("kind", BOTH)
def test_publishing_changes_stores_the_rows_that_publishing_everything_does(
    tmp_path: Path, templates: Templates, kind: str
) -> None:
    crm = Crm.make(4)
    urls = [templates.fresh("analytics", kind, tmp_path) for _ in range(2)]
    with opened(tmp_path / "mirror") as mirror:
        before = crm.load(mirror)
        estimates = estimate_base(before, RULES)
        base = compute_base(before, RULES, estimates)
        after, changes = following(crm, mirror, before, remember(base, MARK), estimates)
        expected = compute_base(after, RULES, estimates)
    others = expected.customers[~expected.customers["unit_id"].isin(changes.changed["unit_id"])]
    assert others["has_profiling_objection"].any()  # nothing is stored of their ranks
    changes = replace(changes, ranks=others[["unit_id", *RANK_COLUMNS]])
    followed = stored(urls[0], base, changes)
    assert followed == stored(urls[1], expected)
    assert any(row["tier"] for row in followed)


def stored(url: str, base: Computed, changes: Changes | None = None) -> list[Record]:
    """Publish a base, and changes after it; return what is stored of the customers then."""

    async def work() -> list[Record]:
        database = connect(url)
        await database.open()
        try:
            await publish(database, VERSION, base.customers, erased=base.erased, now=LATER)
            if changes is not None:
                frames = (changes.changed, changes.ranks, changes.removed)
                erased = changes.base.erased
                await publish_changes(database, VERSION, *frames, erased=erased, now=LATER)
            newest = await database.first(NEWEST)
            assert newest is not None
            slot = SLOTS[newest["slot"]]
            rows = await database.all(Statement(select(slot).order_by(slot.c.unit_id)))
            assert newest["customer_count"] == len(rows)
            return [{**row, "number": None} for row in rows]
        finally:
            await database.close()

    return asyncio.run(work())


NOTHING: Mapping[str, Any] = {}
VERSION = NewVersion(DAY, "EUR", LATER, "", "", NOTHING, NOTHING, NOTHING)


def test_a_changed_product_a_competitors_move_or_a_reading_of_everything_has_all_units_looked_at(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as mirror:
        snapshot = Crm.make(0).load(mirror)
        estimates = estimate_base(snapshot, RULES)
        ledger = remember(compute_base(snapshot, RULES, estimates), MARK)
        for reading in (
            Reading(snapshot),
            Reading(snapshot, snapshot, {"products": frozenset({"p"})}),
            Reading(snapshot, snapshot, {"competitor-activities": frozenset({"p"})}),
        ):
            assert compute_changes(reading, ledger, RULES, estimates) is None


def test_a_ledger_is_read_as_written_and_one_that_cannot_be_used_is_none(tmp_path: Path) -> None:
    with opened(tmp_path / "mirror") as mirror:
        snapshot = Crm.make(0).load(mirror)
        base = compute_base(snapshot, RULES, estimate_base(snapshot, RULES))
    write_ledger(tmp_path, remember(base, MARK))
    found = read_ledger(tmp_path)
    assert found is not None and found.mark == MARK
    assert_same_base(found, base)
    for name in ("customers.arrow", "unconverted.arrow", "ledger.json"):
        file = tmp_path / "ledger" / name
        whole = file.read_bytes()
        for damaged in (whole[:-50], b"no ledger", whole.replace(b'"format":1', b'"format":0')):
            file.write_bytes(damaged)
            assert damaged == whole or read_ledger(tmp_path) is None
        file.write_bytes(whole)
        file.rename(file.with_suffix(".moved"))
        assert read_ledger(tmp_path) is None
        file.with_suffix(".moved").rename(file)
    assert read_ledger(tmp_path) is not None


@pytest.mark.parametrize("family", get_args(Family))
def test_estimates_read_back_score_exactly_alike(tmp_path: Path, family: Family) -> None:
    rhythm = RhythmParameters(family=family)
    rules = replace(RULES, parameters=replace(FEW_MONTHS, rhythm=rhythm))
    with opened(tmp_path / "mirror") as mirror:
        snapshot = Crm.make(0).load(mirror)
        made = estimate_base(snapshot, rules)
        fit = SpendFit("gamma_gamma", GammaGamma(2.3, 3.1, 71.0), -1.0, ((0.1, 0.0),), 9, 0.0, 0.1)
        unbounded = replace(made.margins.weighing, lowest=-float("inf"), highest=float("inf"))
        margins = replace(made.margins, spend=fit, weighing=unbounded, variance=float("nan"))
        weighed = replace(made, margins=margins)
        for estimates in (made, weighed):
            write_estimates(tmp_path, estimates, made_for="me")
            assert read_estimates(tmp_path, made_for="you") is None
            assert repr(read_estimates(tmp_path, made_for="me")) == repr(estimates)
        found = read_estimates(tmp_path, made_for="me")
        assert found is not None
        one, other = (compute_base(snapshot, rules, each) for each in (weighed, found))
        assert_equal(one.customers, other.customers)
