"""The command line: one verb per file, each a function whose types and docstring make its help."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

from creativeml import __version__
from creativeml.errors import CreativeMLError
from creativeml.interruptions import Stop, leave_with


class Verb(NamedTuple):
    """Where a verb's function lives, and its line in the overview."""

    home: str
    line: str


# Modules are imported when their verb is called: `creativeml --help` waits for nothing.
VERBS: dict[str, Verb] = {
    "studio": Verb("creativeml.cli.studio:studio", "open the studio in the browser: kits, sounds, map, style transfer"),
    "explore": Verb("creativeml.cli.explore:explore", "open the map of sounds in the browser"),
    "generate": Verb("creativeml.cli.generate:generate", "make drum sounds as wav files"),
    "kit": Verb("creativeml.cli.kit:kit", "make a drum kit for samplers: wavs, SFZ, DecentSampler, Hydrogen"),
    "resynthesize": Verb("creativeml.cli.resynthesize:resynthesize", "make a drum of your own again, varied, changed"),
    "transfer": Verb("creativeml.cli.transfer:transfer", "play a sound in the style of another"),
    "export": Verb("creativeml.cli.export:export", "write a model as a file for other programs: ONNX, torch.export"),
    "describe": Verb("creativeml.cli.describe:describe", "measure sounds: brightness, depth, decay time, ..."),
    "map": Verb("creativeml.cli.map:map_", "show a folder of sounds as a page, like sounds near one another"),
    "prepare": Verb("creativeml.cli.prepare:prepare", "turn folders of audio, or a corpus by name, into a dataset"),
    "train": Verb("creativeml.cli.train:train", "train a model on a dataset"),
    "evaluate": Verb("creativeml.cli.evaluate:evaluate", "measure how near a model's sounds are to real ones"),
    "embedding": Verb("creativeml.cli.embedding:embedding", "further judges of an evaluation: list, convert weights"),
    "bench": Verb("creativeml.cli.bench:bench", "measure how fast this machine is"),
}


# What a verb does with other flags than its own, by its first word.
TASKS: dict[tuple[str, str], str] = {
    ("train", "classifier"): "creativeml.cli.train_classifier:train_classifier",
}


GOES_ON = frozenset({"prepare", "describe", "map"})
"""Verbs that keep what they have done: interrupted, they go on where they stopped."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process.

    Exit codes: 0 done, 1 it could not be done (one line on stderr says why and what to do), 2 wrong usage, 130 and 143
    ended by Ctrl-C and by SIGTERM; but 0 for a training that SIGTERM has ended: it is kept, and --resume goes on.
    """
    leave_with(lambda: run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run one verb and return its exit code."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if arguments[0] == "--version":
        print(f"creativeml {__version__}")
        return 0
    name, *rest = arguments
    if name not in VERBS:
        near = difflib.get_close_matches(name, VERBS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(VERBS)}"
        print(f"error: creativeml has no '{name}'; {hint}", file=sys.stderr)
        return 2
    stop = Stop()
    try:
        with stop:
            return _told(name, rest)
    except KeyboardInterrupt:
        pass
    except Exception:
        # A library may swallow it, and then lack something.
        if not stop.asked:
            raise
    ways = {"train": "; --resume goes on from the last state"}
    way = "; run the same command again" if name in GOES_ON else ways.get(name, "")
    with contextlib.suppress(OSError):  # who read it may have been interrupted too
        print(f"interrupted{way}", file=sys.stderr)
    return 143 if stop.asked else 130


def _told(name: str, rest: list[str]) -> int:
    """Exit code of a verb; what could not be done is told in one line."""
    try:
        return _call(name, rest)
    except CreativeMLError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        from creativeml.memory import advice, ran_out

        if ran_out(error):
            print(f"error: {advice(name)}", file=sys.stderr)
            return 1
        if not isinstance(error, OSError):
            raise
        if isinstance(error, BrokenPipeError):
            # The reader (head, less) has gone; that is its right.
            sys.stderr.close()
            return 0
        print(f"error: {error.strerror or error}: {error.filename or 'no file named'}", file=sys.stderr)
        return 1


def _call(name: str, arguments: list[str]) -> int:
    import tyro

    # Before the first tensor: see creativeml.memory.
    from creativeml.memory import keep_large_blocks

    keep_large_blocks()
    home, program = VERBS[name].home, f"creativeml {name}"
    if arguments and (name, arguments[0]) in TASKS:
        home, program = TASKS[name, arguments[0]], f"{program} {arguments[0]}"
        arguments = arguments[1:]
    module, function = home.split(":")
    verb = getattr(importlib.import_module(module), function)
    try:
        code = tyro.cli(verb, args=arguments, prog=program)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    return int(code or 0)


def _overview() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {name:<{width}}  {verb.line}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            f"creativeml {__version__}: design drum sounds with neural networks",
            "",
            "usage: creativeml VERB [options]",
            "",
            *lines,
            "",
            "creativeml VERB --help says what a verb takes, with units and ranges.",
        ]
    )
