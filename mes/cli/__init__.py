"""The `mes` command: `main` is where it begins; `command_line` is what it is.

Nothing is imported here: loading the command line takes half a second, and whoever presses Ctrl-C meanwhile is to see
no traceback either.
"""


def main() -> None:
    """Run the command line; never returns. Interrupted, it is quiet and exits with 130."""
    try:
        from mes.cli.command_line import run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
