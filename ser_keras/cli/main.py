"""The entry point of the command line: exit codes, and one line for each error."""

import sys

from ser_keras.cli.options import parser
from ser_keras.cli.texts import missing_package
from ser_keras.common.errors import SerKerasError


def main(arguments=None):
    """Run the command line.

    Returns:
        0 done; 2 bad usage or input, said in one line on standard error; 1 a fault of ours; 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names that aren't UTF-8 are printed escaped; valid JSON, too
            stream.reconfigure(errors="backslashreplace")
    chosen = parser().parse_args(arguments)
    try:
        return chosen.run(chosen) or 0
    except SerKerasError as error:
        if chosen.debug:
            raise
        print(f"ser-keras: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if chosen.debug or (error.name or "").startswith("ser_keras"):
            raise
        print(f"ser-keras: {missing_package(error.name)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nser-keras: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `ser-keras ... | head`
        sys.stderr.close()
        return 0
    except Exception as error:
        if chosen.debug:
            raise
        first = (str(error).splitlines() or [""])[0]
        print(
            f"ser-keras: a fault of ours, please report it: {type(error).__name__}: {first} (--debug shows where)",
            file=sys.stderr,
        )
        return 1
