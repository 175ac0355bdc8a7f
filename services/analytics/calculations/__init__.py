"""The pure calculations: frames in, frames out; no network, files, settings, clock or logging."""
