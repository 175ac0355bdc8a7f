"""Whether it worked: arms of experiments, differences between them, and what is learned from these."""
