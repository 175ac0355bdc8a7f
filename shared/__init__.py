"""The language of the wire between the two services: words, value types and read shapes, nothing else."""
