"""The one exception that a user is meant to see."""

import difflib


class SerKerasError(ValueError):
    """Bad usage or bad input: one clear line that says what is wrong and how to mend it.

    The command line prints the message and exits with code 2, without a traceback.
    """


def nearest(name, valid, n=3):
    """The valid names that look most like `name`, for messages; all of them where none is alike."""
    valid = sorted(str(v) for v in valid)
    return ", ".join(difflib.get_close_matches(str(name), valid, n=n, cutoff=0.4) or valid)
