"""The command line: the only importer of Hydra, and all wiring. Light until a command runs."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from harness.errors import InputError, message, near_miss

# Command, in the module of its name: what the overview says of it.
COMMANDS = {
    "run": "train a study's jobs, record every epoch, compare the methods (Hydra's grammar)",
    "plan": "show what `run` with the same arguments would do, without training",
    "status": "list studies, or a study's jobs and how far they are",
    "sync": "record what a sweep trained while the store did not answer",
    "compare": "compare the methods of a finished study: mean ± std, paired tests, verdicts",
    "why": "run your training script as it is, and say what in it differs from fit(), with the line",
    "parity": "certify that two methods train alike, bit for bit, or how far they do not",
    "trace": "say where two methods part, and why: each cause with its evidence and fix",
    "explain": "say how much of the difference between two methods each ingredient makes",
    "figures": "draw a study's curves again from the records",
    "report": "write a study, or the articles, as HTML files that need nothing else",
    "claims": "check an article's claims on its committed results: claimed, measured, verdict",
    "collect": "put an article's results from the store beside it, small enough for git",
    "ui": "open MLflow's web interface on the store",
}
_READING = ("compare", "figures", "report", "claims", "collect")  # what they read they keep to their end
_INPUT_ERROR = 2
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 some job failed, 2 bad input."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] in (["-sc"], ["--shell-completion"]) or (arguments and arguments[0].startswith("-sc")):
        arguments = ["run", *arguments]  # Hydra's completion script calls the bare program
    options = _parser().parse_args(arguments[:1])
    if options.command is None:
        _parser().print_help()
        return 0
    try:
        if options.command not in COMMANDS:
            raise InputError("COMMAND", options.command, ", ".join(COMMANDS), near_miss(options.command, COMMANDS))
        command: Callable[[Sequence[str]], int] = import_module(f"harness.cli.commands.{options.command}").main
        with _garbage_left(options.command in _READING):
            return command(arguments[1:])
    except InputError as error:
        print(message(error), file=sys.stderr)
        return _INPUT_ERROR
    except BrokenPipeError:  # the reader of our output has gone, as in `harness claims heart | head`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 for the interpreter's own last flush
        return 0
    except KeyboardInterrupt:
        print("interrupted: what is recorded stays; the same command goes on from there", file=sys.stderr)
        return _INTERRUPTED


@contextmanager
def _garbage_left(left: bool) -> Iterator[None]:
    """Do not look for garbage meanwhile: among the records of a large study that was 15 % of a command's CPU time."""
    was = gc.isenabled()
    if left:
        gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _parser() -> argparse.ArgumentParser:
    lines = "\n".join(f"  {name:<9} {what}" for name, what in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="harness",
        description="Does a tf.GradientTape loop train like model.fit(), and if not, why?",
        epilog=f"commands:\n{lines}\n\nEach has --help. Example:\n"
        "  harness run -m study=demo dataset=iris model=iris_mlp method=fit,tape batch_size=10,30",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument("command", nargs="?", metavar="COMMAND", help="one of those below")
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(version("tape-harness"))
        parser.exit()
