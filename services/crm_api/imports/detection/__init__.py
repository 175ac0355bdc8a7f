"""What a file is and what its columns hold, with the questions it leaves open."""
