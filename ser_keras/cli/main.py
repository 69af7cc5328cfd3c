"""The entry point of the command line: exit codes, and one line for each error."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from ser_keras.cli.options import parser
from ser_keras.common.errors import SerKerasError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: those behind the program's name; None: the process's.

    Returns:
        0 done; 2 bad usage or input, with one line on standard error; 1 internal error; 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # file names that aren't UTF-8 are printed escaped; valid JSON, too
            stream.reconfigure(errors="backslashreplace")
    options = parser().parse_args(arguments)
    from ser_keras.api.session import quiet_tensorflow
    from ser_keras.cli import commands, texts  # not for --help
    from ser_keras.common import plugins, progress
    from ser_keras.common.extras import missing_package

    try:
        if modules := getattr(options, "plugins", ()):
            quiet_tensorflow()
            plugins.use(modules)
        with progress.reporting(progress.to_standard_error()):
            code: int | None = getattr(commands, options.run)(options)
        return code or 0
    except SerKerasError as error:
        if options.debug:
            raise
        print(f"ser-keras: {texts.with_flags(' '.join(str(error).split()), options.flags)}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if options.debug or (error.name or "").startswith("ser_keras"):
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
        if options.debug:
            raise
        print(f"ser-keras: {texts.internal_error(error)}", file=sys.stderr)
        return 1
