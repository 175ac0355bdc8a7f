"""The catalogue: phases, strategies, instruments, conditions and reasons with English and German texts."""
