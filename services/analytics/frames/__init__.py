"""The frames: the only place where wire data meets pandas."""
