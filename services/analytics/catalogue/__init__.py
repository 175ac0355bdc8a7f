"""The catalogue: phases, strategies, conditions, reasons, with English and German texts."""
