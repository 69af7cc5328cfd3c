"""What holds for every message to a user."""


def one_line(error):
    """The text of an error that `pytest.raises` caught: one clear line."""
    text = str(error.value)
    assert text and "\n" not in text
    return text
