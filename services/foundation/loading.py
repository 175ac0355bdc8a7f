"""Imported first by a program: what it loads stays, so nothing is looked through for garbage meanwhile."""

import gc

gc.disable()


def has_ended() -> None:
    """The program is loaded: what is there by now is never looked through, what comes is."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
