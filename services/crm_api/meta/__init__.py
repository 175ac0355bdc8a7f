"""Meta: every closed list of the API with its words in English and German."""
