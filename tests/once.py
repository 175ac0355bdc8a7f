"""What takes long to make is made once for all workers of a run of tests."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import xdist


@contextmanager
def made_once(
    request: pytest.FixtureRequest, name: str, make: Callable[[Path], None]
) -> Iterator[Path]:
    """Give the folder that `make` filled: who asks first has it filled, others wait for that.

    What is in it may need the process of its maker, which therefore ends the block last.
    """
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    own = factory.getbasetemp()
    # Workers of a run have their own folders beside each other.
    place = (own.parent if xdist.is_xdist_worker(request) else own) / name
    note, users = place.with_suffix(".made"), place.with_suffix(".users")
    is_maker = False
    with _locked(users, fcntl.LOCK_SH):
        with _locked(place.with_suffix(".making"), fcntl.LOCK_EX):
            if not note.exists():
                folder = factory.mktemp(name)
                make(folder)
                note.write_text(str(folder))
                is_maker = True
            made = Path(note.read_text())
        yield made
    if is_maker:
        with _locked(place.with_suffix(".making"), fcntl.LOCK_EX):
            note.unlink()  # whoever comes later makes it anew
        with _locked(users, fcntl.LOCK_EX):
            pass  # nobody uses it any more


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, kind)
        yield
