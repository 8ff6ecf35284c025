"""`contextgen` and `python -m contextgen_cli`: ready to be interrupted before anything slow is imported."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from contextgen_cli.errors import EXIT_INTERRUPTED
from contextgen_cli.models.threads import wait_passively
from contextgen_cli.terminal import interruption


def settle_home() -> None:
    """Give a user whom the system does not know, as in many containers, the home that Debian gives to nobody.

    Our memories and the libraries' do without what they cannot keep, but not without an answer to where home is.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/nonexistent"


def main() -> None:
    """Run the command line and exit with its code (see `contextgen_cli.errors`)."""
    try:
        interruption.listen()
        settle_home()
        wait_passively()
        from contextgen_cli import cli
        from contextgen_cli.terminal import streams

        streams.adopt()
        code = cli.run()
    except KeyboardInterrupt:  # before `run`, which has an ending of its own
        with contextlib.suppress(OSError):
            sys.stderr.write("interrupted\n")
        code = EXIT_INTERRUPTED
    interruption.ignore()  # all is said and done; the code should get out, too
    sys.exit(code)


if __name__ == "__main__":
    main()
