"""Campaign members: who is in which campaign, in which arm, with which outcome."""
