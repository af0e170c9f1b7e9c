"""The command ``flowml``: finds the verb, and turns errors into messages and exit statuses.

Exit status: 0 all fine, 1 some cases could not be used (each has its reason), 2 wrong usage or
input that cannot be used, 3 could not write.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import TYPE_CHECKING

import click

from flowml.about import DISCLAIMER, __version__
from flowml.errors import FlowmlError, OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE_STATUS, WRITE_STATUS, INTERRUPTED_STATUS = 2, 3, 130

# verb: what it does, in a line; kept here so that help need not import the verbs
VERBS = {
    "inspect": "Show what FCS files hold, and what is odd about them.",
    "check": "Tell which FCS files are damaged, odd, or copies of one another.",
    "deidentify": "Copy FCS files without what identifies a patient.",
    "simulate": "Write a cohort of simulated cases.",
    "gate": "Count the populations of cases by gates, and say how bright they are.",
    "features": "Turn the events of cases into a table of features.",
    "train": "Train a model on labelled cases.",
    "align": "Align further instruments for a model, by normal cases.",
    "adapt": "Continue a model on some cases of another panel or instrument.",
    "classify": "Answer for every case: lineage, category, leukemia or lymphoma.",
    "explain": "Say why a model answers as it does for one case.",
    "plot": "Draw diagnostic pictures of files, and of cases beside a model.",
    "evaluate": "Hold answers against labels: of a model, or of a way of training.",
    "model": "Show a model, or verify it.",
}


class Verbs(click.Group):
    """A group that imports a verb when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's contract
        """List the verbs in the order of a day's work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of a verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"flowml.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.command(
    cls=Verbs, epilog=DISCLAIMER, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="flowml")
def cli() -> None:
    """From a folder of flow cytometry files to lineage and leukemia or lymphoma."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and leave with its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process where they are not given.
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal may not know every letter
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        status = cli.main(args=arguments, prog_name="flowml", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("flowml: interrupted", err=True)
        return INTERRUPTED_STATUS
    except FlowmlError as error:
        click.echo(f"flowml: {error}", err=True)
        return WRITE_STATUS if isinstance(error, OutputError) else USAGE_STATUS
    except SystemExit:  # click's way when the reader of our output went away
        return WRITE_STATUS
    except OSError as error:
        if error.filename is not None:  # not our output: a bug, to be seen as one
            raise
        click.echo(f"flowml: could not write the output: {error.strerror}.", err=True)
        # What is still in the buffer goes to nowhere, lest it fail once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRITE_STATUS
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    main()
