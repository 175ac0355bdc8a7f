"""A cell that is not of its field's form, and why."""


class ValueRejected(Exception):
    """A cell is not of the form its field expects; the cell itself is not repeated here."""

    status = 422

    def __init__(self, code: str, message_en: str, message_de: str, *, expected: str) -> None:
        super().__init__(code)
        self.code, self.expected = code, expected
        self.message_en, self.message_de = message_en, message_de
