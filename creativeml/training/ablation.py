"""Ablations: variants of a training run, each with the same amount of computing.

Computing is counted in seconds of the processor. What a step of a variant costs, relative to one of the unchanged run,
is measured with both taking turns, so that a busy machine slows both alike, and the variant's run has so many more or
fewer steps. It is an ordinary run then: it can be stopped and resumed, and `creativeml train --init START --set ...
--steps ...` repeats it.

All variants of one generator start from the same weights, whose level pre-training (`ReconstructionConfig`) is paid
once.
"""

from __future__ import annotations

import hashlib
import json
import math
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path

from lightning_fabric import Fabric

from creativeml.config import load_json, read_json, save_json, to_dict
from creativeml.errors import CreativeMLError
from creativeml.files import atomic_write_json, sha256_file
from creativeml.models.checkpoint import CONFIG, read_config
from creativeml.training.config import GANTrainingConfig, changed_training
from creativeml.training.fit import fit
from creativeml.training.run import FitOptions
from creativeml.training.speed import PRECISION, TrainingTask, cycle_steps

TURNS = 3
"""Turns in which the costs of two runs are measured."""
CHECKPOINTS = 4
"""Of each run: the quarter since the last one is lost when it is killed."""


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes:
        name: of its folder.
        change: what is different, in words.
        settings: the same as for `creativeml train --set`.
        seed: of its run.
    """

    name: str
    change: str
    settings: tuple[str, ...] = ()
    seed: int = 0

    @property
    def unchanged(self) -> bool:
        """Whether it is one of the runs that the others are compared with."""
        return not self.settings


_TWO_VIEWS = "2048:512:128:128,512:128:64:256"
_WGAN_LP = (
    "adversarial.game=wasserstein",
    "adversarial.penalty=lp",
    "adversarial.penalty_weight=10",
    "adversarial.penalty_every=1",
    "generator_optimizer.rate=0.001",
    "critic_optimizer.rate=0.001",
    "augmentation.limit=0",
)
VARIANTS = (
    Variant("base", "nothing"),
    Variant("base_seed_1", "nothing but the seed", seed=1),
    Variant("base_seed_2", "nothing but the seed", seed=2),
    Variant("waveform_critic", "waveform critic alone, as published", ("critic.views=",)),
    Variant(
        "one_spectrogram", "a spectrogram critic alone", ("critic.views=2048:512:128:128", "critic.wave_channels=")
    ),
    Variant("no_waveform_critic", "three spectrogram critics, no waveform critic", ("critic.wave_channels=",)),
    Variant("no_fine_view", "no spectrogram critic of fine bands", (f"critic.views={_TWO_VIEWS}",)),
    Variant("attack_view", "a view of the attack instead", (f"critic.views={_TWO_VIEWS},128:32:32:256",)),
    Variant("phase_view", "a view of phases instead", (f"critic.views={_TWO_VIEWS},512:128:128:128:complex",)),
    Variant("periods", "period critics of 2, 3 and 5 samples", ("critic.periods=2,3,5",)),
    Variant("ear", "a frozen classifier of drums listens too", ("critic.ear=true",)),
    Variant("recognition", "it tells the generator which kinds are not heard", ("recognition.weight=0.5",)),
    Variant("spread", "minibatch standard deviation, groups of 4", ("critic.spread_group=4",)),
    Variant("no_gate", "waveform critic without AutoFade-style gate", ("critic.wave_gate=false",)),
    Variant("wgan_lp", "WGAN-LP instead of R1 (penalty every step, rates 0.001)", _WGAN_LP),
    Variant("no_adaptive", "no adaptive augmentation", ("augmentation.limit=0",)),
    Variant("no_data_augmentation", "training sounds as they are", ("augmentation.data_probability=0",)),
    Variant("kinds_equal", "kinds equally often in a batch", ("kind_shares=equal",)),
    Variant("kinds_as_data", "kinds as often as in the data", ("kind_shares=data",)),
    Variant("no_overshoot", "no penalty beyond full scale", ("adversarial.overshoot_weight=0",)),
    Variant("no_modes", "no modal bank (own pre-training)", ("generator.modes=0",)),
    Variant("no_envelope", "no class envelope (own pre-training)", ("generator.class_envelope=false",)),
    Variant("steady_noise", "noise not shaped in time (own pre-training)", ("generator.shaped_noise=false",)),
    Variant("no_reconstruction", "no reconstruction: a plain GAN after the start", ("reconstruction.every=0",)),
    Variant("control_none", "no penalty on controls", ("control.weight=0",)),
    Variant("control_double", "twice the penalty on controls", ("control.weight=2",)),
    Variant("control_every_1", "controls measured every step", ("control.every=1",)),
    Variant("control_every_4", "controls measured every 4 steps", ("control.every=4",)),
    Variant(
        "control_by_spread",
        "controls in standard deviations within kinds instead of audible steps",
        (
            "control.weights=brightness:1.10,depth:0.81,warmth:1.32,hardness:1.16,roughness:1.04,sharpness:0.94,"
            "boominess:1.02,decay_time_20:0.61",
        ),
    ),
)
"""Names and settings; those without settings are the unchanged runs."""


@dataclass(frozen=True)
class AblationPlan:
    """What all variants of a folder have in common; written when it is begun.

    Attributes:
        base: training of the unchanged run; its pre-training is that of the start.
        manifest_sha256: of the data.
        minutes: of one core that each run gets; start, validation and evaluation are not counted.
        base_steps: of the unchanged run, after the start.
        seconds_per_step: of the unchanged run, when the folder was begun.
    """

    base: GANTrainingConfig
    manifest_sha256: str
    minutes: float
    base_steps: int = 0
    seconds_per_step: float = 0.0


class Ablation:
    """A folder of variants.

    Args:
        data: dataset folder.
        out: made if missing, gone on with if it was begun.
        base: training of the unchanged run.
        minutes: of one core for each run.

    Raises:
        CreativeMLError: unusable data, or the folder was begun with others, with other settings or other minutes.
    """

    def __init__(self, data: Path, out: Path, base: GANTrainingConfig, *, minutes: float) -> None:
        if not minutes > 0:
            raise CreativeMLError(f"--minutes must be more than 0, not {minutes:g}")
        self.data, self.out = data, out
        plan = AblationPlan(base, sha256_file(data / "manifest.csv"), minutes)
        path = out / "plan.json"
        if not path.is_file():
            task = TrainingTask(_after_start(base))
            seconds = statistics.median(_processor_seconds(task, task.cycle) for _ in range(1 + TURNS))
            plan = replace(plan, base_steps=max(1, round(60 * minutes / seconds)), seconds_per_step=round(seconds, 4))
            save_json(plan, path)
        self.plan = load_json(AblationPlan, path)
        for name, what in (("base", "settings"), ("manifest_sha256", "data"), ("minutes", "minutes")):
            if getattr(self.plan, name) != getattr(plan, name):
                raise CreativeMLError(f"{out} was begun with other {what}; go on with those, or choose another --out")

    def folder(self, variant: Variant) -> Path:
        """All that belongs to a variant; its run is in `run`."""
        return self.out / variant.name

    def configuration(self, variant: Variant) -> GANTrainingConfig:
        """Its training, after the start."""
        return changed_training(replace(_after_start(self.plan.base), seed=variant.seed), variant.settings)

    def start_of(self, variant: Variant) -> tuple[Path, GANTrainingConfig]:
        """Folder and configuration of the pre-training that it starts from: one for each generator."""
        config = replace(self.plan.base, generator=self.configuration(variant).generator)
        key = hashlib.sha256(json.dumps(to_dict(config), sort_keys=True).encode()).hexdigest()[:8]
        return self.out / "starts" / key, config

    def relative_cost(self, variant: Variant) -> float:
        """Cost of a step relative to one of the unchanged run: measured once, then kept in `cost.json`."""
        path = self.folder(variant) / "cost.json"
        if not path.is_file():
            atomic_write_json(path, {"relative_cost": round(self._measured_cost(variant), 4)})
        return read_json(path)["relative_cost"]

    def _measured_cost(self, variant: Variant) -> float:
        base, own = _after_start(self.plan.base), self.configuration(variant)
        if replace(own, seed=base.seed) == base:
            return 1.0
        tasks = [TrainingTask(config) for config in (base, own)]
        for task in tasks:
            task.run(2)
        # In so many steps all that is not paid at every step is paid as often as it should be.
        steps = math.lcm(cycle_steps(base), cycle_steps(own))
        turns = [[_processor_seconds(task, steps) for task in tasks] for _ in range(TURNS)]
        return statistics.median(second / first for first, second in turns)

    def steps_of(self, variant: Variant) -> int:
        """Steps that cost as much as those of the unchanged run."""
        return max(1, round(self.plan.base_steps / self.relative_cost(variant)))

    def train(self, variant: Variant) -> str:
        """Train a variant, or go on with it, or find it finished; `folder(variant) / "run" / "last"` is its model.

        Returns:
            The name of the signal that cut it short; empty if it is finished.

        Raises:
            CreativeMLError: it cannot be trained; the message says why.
        """
        start, pretraining = self.start_of(variant)
        steps = pretraining.reconstruction.pretrain_steps
        stopped_by = self._run(pretraining, start, steps) if steps else ""
        if stopped_by:
            return stopped_by
        out, init = self.folder(variant) / "run", start if steps else None
        return self._run(self.configuration(variant), out, self.steps_of(variant), init)

    def _run(self, config: GANTrainingConfig, out: Path, steps: int, init: Path | None = None) -> str:
        if _step_of_model(out / "last") == steps:
            return ""
        # Killed after the last state was saved and before the model was: the last quarter is trained again.
        finished = out / "checkpoints" / f"step-{steps:08d}.json"
        if finished.is_file():
            finished.unlink()
        begun = any((out / "checkpoints").glob("step-*.json"))
        options = FitOptions(
            steps,
            checkpoint_every=-(-steps // CHECKPOINTS),
            resume=begun,
            validate_every=steps + 1,
            init=None if begun else init,
        )
        fabric = Fabric(accelerator="cpu", devices=1, precision=PRECISION)
        return fit(config, self.data, out, fabric, options).stopped_by


def _after_start(config: GANTrainingConfig) -> GANTrainingConfig:
    return replace(config, reconstruction=replace(config.reconstruction, pretrain_steps=0))


def _step_of_model(folder: Path) -> int:
    """The step after which a run's model was saved; -1 if there is none."""
    return int(read_config(folder)["info"]["step"]) if (folder / CONFIG).is_file() else -1


def _processor_seconds(task: TrainingTask, steps: int) -> float:
    """Seconds per step, of all threads together: what other programs take at the same time does not count."""
    started = time.process_time()
    task.run(steps)
    return (time.process_time() - started) / steps
