"""Whole commands: run in this process with the output captured, or in one of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

from flowml.cli.main import _run


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str


def run_here(capsys):
    """Return a function that runs a command in this process."""

    def run(*arguments):
        capsys.readouterr()
        status = _run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Outcome(status, captured.out, captured.err)

    return run


def flowml_process(*arguments, **environment):
    """Run a command as a process of its own, with warnings as errors."""
    command = [sys.executable, "-W", "error", "-m", "flowml", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, check=False, env=os.environ | environment
    )
    out, err = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
    assert "Traceback" not in err
    return Outcome(done.returncode, out, err)
