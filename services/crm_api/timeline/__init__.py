"""The timeline: everything that happened with a contact or a whole organisation, in one stream."""
