"""Facts changed on trial: frames in, changed frames out."""
