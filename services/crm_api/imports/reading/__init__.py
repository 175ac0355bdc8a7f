"""Files read record by record; what cells mean is not here."""
