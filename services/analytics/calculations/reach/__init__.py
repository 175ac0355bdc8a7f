"""Who may be reached, how and how often: channels (E-CHAN) and contact pressure (E-CAP)."""
