"""Train StyleWaveGAN and the baselines on the same data, at equal time and at equal sounds seen, and compare them.

    python examples/baselines.py DATA --out BASELINES --minutes 180          # prints the commands
    python examples/baselines.py DATA --out BASELINES --minutes 180 --run    # runs them one after the other

DATA is a dataset folder made by `creativeml prepare`. The baselines are WaveGAN (waveforms), a spectral GAN after
GANSynth (log-magnitude and instantaneous frequency) and a VAE (no critic). Each is trained twice: for so many minutes,
and until it has been shown so many sounds (where those are few, `fast` with a shorter pre-training, so that most are
left for the game); then one report compares the best checkpoints of all with the test recordings. What is stopped or
killed goes on with the same command. The defaults take more than half a day; time is only comparable if nothing else
keeps the machine busy.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from creativeml.config import read_json
from creativeml.errors import CreativeMLError
from creativeml.evaluation.tables import table

NO_LIMIT = 10_000_000
"""Steps of a run that ends by time."""
LOOKS = 20
"""Comparisons with the validation recordings in a run that ends by sounds."""


@dataclass(frozen=True)
class Contestant:
    """A training.

    Attributes:
        task: what `creativeml train` is told to train.
        sounds_per_step: of its preset: the batches of all critic steps.
        look_every: steps from one comparison with the validation recordings to the next, when it ends by time.
        flags: further ones of `creativeml train`.
        pretrain_steps: of its preset, before the game.
    """

    task: str
    sounds_per_step: int
    look_every: int
    flags: tuple[str, ...] = ()
    pretrain_steps: int = 0


CONTESTANTS = {
    "fast": Contestant("drum_gan", 16, 250, ("--preset", "fast"), pretrain_steps=1500),
    "wavegan": Contestant("drum_gan", 80, 20, ("--preset", "wavegan")),
    "spectral": Contestant("drum_gan", 8, 100, ("--preset", "spectral")),
    "vae": Contestant("drum_vae", 16, 250),
}


def main(
    data: tyro.conf.Positional[Path],
    *,
    out: Path,
    minutes: float = 180.0,
    sounds: int = 6400,
    only: tuple[str, ...] = (),
    against: tuple[str, ...] = (),
    count: int = 64,
    run: bool = False,
) -> int:
    """Print the commands, or run them.

    Args:
        data: dataset folder.
        out: folder of the runs and of the report.
        minutes: of training for each contestant.
        sounds: that each contestant is shown in its other run; 6,400 are 80 steps of WaveGAN.
        only: some of fast, wavegan, spectral, vae.
        against: further models for the report, e.g. drums.
        count: sounds of each kind that are compared.
        run: run the commands.
    """
    for name in only:
        if name not in CONTESTANTS:
            raise CreativeMLError(f"there is no contestant '{name}' (known: {', '.join(CONTESTANTS)})")
    names = only or tuple(CONTESTANTS)
    runs = {f"{n}-time": timed(CONTESTANTS[n], minutes) for n in names}
    runs |= {f"{n}-sounds": counted(CONTESTANTS[n], sounds) for n in names}
    places = [str(out / name) for name in runs]
    compare = ["evaluate", places[0], "--data", str(data), "--out", str(out / "report"), "--against", *places[1:]]
    compare += [*against, "--count", str(count), "--no-controls"]
    for name, arguments in runs.items():
        done = start([*arguments, "--data", str(data), "--out", str(out / name)], out / name, run)
        if done:
            return done
    if run:
        print(budgets(out, runs))
    return start(compare, None, run)


def timed(contestant: Contestant, minutes: float) -> list[str]:
    """Arguments of `creativeml` for a run that ends by time."""
    look = contestant.look_every
    ends = ["--steps", str(NO_LIMIT), "--minutes", f"{minutes:g}"]
    return [*_train(contestant), *ends, "--validate-every", str(look), "--checkpoint-every", str(2 * look)]


def counted(contestant: Contestant, sounds: int) -> list[str]:
    """Arguments of `creativeml` for a run that ends by sounds: at least so many, in whole steps."""
    steps = -(-sounds // contestant.sounds_per_step)
    look = max(1, steps // LOOKS)
    arguments = [*_train(contestant), "--steps", str(steps)]
    arguments += ["--validate-every", str(look), "--checkpoint-every", str(2 * look)]
    if contestant.pretrain_steps > steps // 4:
        # Steps before the game count as well; most of a short run must be left for the game.
        arguments += ["--set", f"reconstruction.pretrain_steps={steps // 4}"]
    return arguments


def _train(contestant: Contestant) -> list[str]:
    return ["train", contestant.task, *contestant.flags]


def start(arguments: list[str], place: Path | None, run: bool) -> int:
    """Print a command of `creativeml`, and run it if asked to; returns its exit code.

    Args:
        arguments: of `creativeml`.
        place: folder of a run, which is gone on with if it has been begun.
        run: whether to run it.
    """
    if run and place is not None and any((place / "checkpoints").glob("step-*.json")):
        arguments = [*arguments, "--resume"]
    print(shlex.join(["creativeml", *arguments]), flush=True)
    return subprocess.run([sys.executable, "-m", "creativeml", *arguments]).returncode if run else 0


def budgets(out: Path, names: dict[str, list[str]]) -> str:
    """What each run was given: a table."""
    rows = []
    for name in names:
        last, best = (read_json(out / name / which / "config.json")["info"] for which in ("last", "best"))
        minutes = last["seconds"] / 60
        rate = last["sounds_seen"] / last["seconds"]
        rows.append(
            [name, str(last["step"]), str(last["sounds_seen"]), f"{minutes:.1f}", f"{rate:.2f}", str(best["step"])]
        )
    return table(["run", "steps", "sounds seen", "minutes", "sounds/s", "best step"], rows)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")
