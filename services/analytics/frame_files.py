"""Keeps the frames of the parts of a base for the time of a refresh, as building them again is dear."""

from __future__ import annotations

import logging
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from services.analytics.frames.building import Frames

log = logging.getLogger("phasewise")


class FrameFiles:
    """A folder of frames for the time of one refresh; what cannot be kept is built again.

    A killed refresh leaves the folder behind, and the next one begins by removing it: only one
    refreshes at a time.
    """

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "frames"

    def __enter__(self) -> Self:
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            self._folder.mkdir(mode=0o700)
        except OSError as error:
            log.warning("frames are not kept: %s", error.strerror)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def keep(self, number: int, frames: Frames) -> None:
        """Write the frames of a part; a full disk costs time, not the refresh."""
        path = self._path(number)
        if not self._folder.is_dir():
            return
        try:
            with path.open("wb") as file:
                pickle.dump(frames, file, protocol=pickle.HIGHEST_PROTOCOL)
        except OSError as error:
            log.warning("frames are not kept: %s", error.strerror)
            path.unlink(missing_ok=True)

    def read(self, number: int, build: Callable[[], Frames]) -> Frames:
        """Return the frames of a part, from here or built anew."""
        path = self._path(number)
        if not path.exists():
            return build()
        with path.open("rb") as file:
            frames: Frames = pickle.load(file)
        return frames

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.pickle"
