"""The ``netwright`` command."""

from __future__ import annotations

from collections.abc import Sequence

BUG = 70
"""Exit code after an error that netwright did not raise on purpose."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: What follows the program's name; ``sys.argv`` if not given.
    """
    from netwright.cli.app import app

    try:
        app(args=arguments, prog_name="netwright")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 1
    except Exception:
        import traceback

        from netwright.cli.console import complain, note

        note(traceback.format_exc())
        complain("this is a bug in netwright; please report it with the lines above")
        return BUG
    return 0
