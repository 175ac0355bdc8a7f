"""The board: a pipeline's stages with their counts, sums and first deals."""
