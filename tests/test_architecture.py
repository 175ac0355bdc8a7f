"""The shape of the tree: who may import whom, which files there are, how long they get."""

import logging.config
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py")
)
LONGEST = 430
FEATURE_FILES = {"__init__.py", "routes.py", "operations.py", "schemas.py", "table.py"}
MORE_FILES = {
    "batches": {"holding.py"},
    "contacts": {"finding.py", "further.py", "mistakes.py", "search.py"},
    "duplicates": {"evidence.py", "matching.py"},
    "exports": {"columns.py", "labels.py", "sheets.py"},
    "interactions": {"cases.py", "kinds.py"},
    "merges": {"sides.py", "values.py"},
    "meta": {"handling.py", "labels.py"},
    "privacy": {
        *(
            "erasing.py",
            "files.py",
            "kept.py",
            "personal_data.py",
            "runner.py",
            "saved_filters.py",
            "suppression.py",
            "traces.py",
        ),
    },
    "retention": {"rules.py", "runner.py"},
    "segments": {"saved.py"},
    "undo": {"later.py"},
    "webhooks": {
        *("asking.py", "deliveries.py", "runner.py", "schedule.py", "sending.py", "targets.py"),
    },
}
VAGUE = {"utils", "common", "core", "helpers", "service", "models", "misc", "base", "manager"}


def test_imports_go_one_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    # The linter sets logging up for itself, which would silence every logger that is there already.
    monkeypatch.setattr(logging.config, "dictConfig", lambda _: None)
    assert lint_imports(no_cache=True) == 0, "run lint-imports and see which contract broke"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_one_subject_and_says_which(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= LONGEST, f"{len(lines)} lines: split it by meaning"
    assert not lines or lines[0].startswith('"""'), "begin with a sentence about what is here"
    assert path.stem not in VAGUE
    assert path.parent.name not in VAGUE


def test_a_feature_of_the_crm_has_the_known_files() -> None:
    crm = ROOT / "services" / "crm_api"
    features = [folder for folder in crm.iterdir() if folder.is_dir() and list(folder.glob("*.py"))]
    assert {"contacts", "interactions", "deals", "changes", "exports", "batches"} <= {
        folder.name for folder in features
    }
    for folder in features:
        if folder.name != "imports":  # a pipeline of its own, see its docstring
            files = {path.name for path in folder.glob("*.py")}
            assert files <= FEATURE_FILES | MORE_FILES.get(folder.name, set()), folder.name
            assert "__init__.py" in files


def test_nothing_in_services_is_imported_from_the_tests_or_migrations() -> None:
    for path in SOURCES:
        for line in path.read_text().splitlines():
            assert not line.startswith(
                ("from tests", "import tests", "from migrations", "import migrations")
            ), path
