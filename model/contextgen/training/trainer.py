"""The whole run on one page: open, resume, stage after stage, save."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from enum import Enum
from itertools import chain, islice

import numpy as np
import torch
from accelerate import Accelerator

from contextgen.data.example import ExampleSource
from contextgen.training import checkpointing
from contextgen.training.callbacks import Metrics, Watcher
from contextgen.training.checkpointing import Progress
from contextgen.training.config import ImigData, SynthData, TrainConfig
from contextgen.training.fingerprint import changes, resume_fingerprint
from contextgen.training.model_loading import open_model
from contextgen.training.preprocessing import example_sources
from contextgen.training.preprocessing.data_loader import batches
from contextgen.training.stage import Run, StageRun, changed_by, result_name, steps_before

OpenSource = Callable[[SynthData | ImigData, int], ExampleSource]
CHECKPOINTS = "checkpoints"
_SHEET = 1 << 31  # the index of the fixed scenes: no training comes so far


class Ending(Enum):
    """How a run ended."""

    FINISHED = "finished"
    ALREADY = "already finished"
    STOPPED = "stopped"


class ChangedConfig(ValueError):
    """The output folder holds another run's checkpoints."""


def train(
    config: TrainConfig,
    watcher: Watcher,
    open_source: OpenSource = example_sources.open_source,
    *,
    on_cpu: bool = False,
) -> Ending:
    """Train, or go on where the last run of this configuration stopped.

    Args:
        on_cpu: also where a faster device is.

    Returns:
        how it ended; the result lies in `OUTPUT/model` or `OUTPUT/adapter` unless it was stopped.

    Raises:
        ChangedConfig: the output folder's checkpoints are of a run that went otherwise.
        contextgen.training.callbacks.Diverged: the last good checkpoint is kept.
        contextgen.weights.checkpoint_errors.CheckpointError: the model to start from cannot be used.
        ImportError: a package that the configuration needs is missing.
        ValueError, OSError: data that are missing or broken; a disk that is full.
    """
    # 1. Find out where the run stands, once whoever prepared its output is done.
    accelerator = Accelerator(cpu=on_cpu)
    accelerator.wait_for_everyone()
    folder = config.output / CHECKPOINTS
    checkpoint = checkpointing.latest(folder)
    progress = checkpointing.read_progress(checkpoint) if checkpoint is not None else None
    if progress is not None:
        refuse_changes(config, progress)
        if is_finished(config, progress):
            return Ending.ALREADY

    # 2. Open the data and the model.
    _check_packages(config)
    opened = [open_source(stage.data, _stage_seed(config, index)) for index, stage in enumerate(config.stages)]
    for words in dict.fromkeys(chain.from_iterable(getattr(source, "notes", ()) for source in opened)):
        watcher.told(words)
    pipe, card = open_model(config, accelerator, begun=checkpoint is not None)
    run = Run(config, pipe, accelerator, card)
    done = progress.step if progress is not None else 0
    metrics = Metrics(config.output, done, tensorboard=config.tensorboard) if accelerator.is_main_process else None

    # 3. Stage after stage; the first one that is left goes on from the checkpoint.
    first = progress.stage if progress is not None else 0
    if first:
        _load(run, first, checkpointing.result_of(folder / checkpointing.name_of(steps_before(config, first))))
    for index in range(first, len(config.stages)):
        stage = StageRun(run, index)
        if index == first and checkpoint is not None and progress is not None:
            _load(run, first + 1, checkpointing.read_weights(checkpoint))
            stage.restore(checkpoint, progress)
            watcher.told(f"going on from {checkpoint}")
        if not _work(stage, opened[index], metrics, watcher):
            return Ending.STOPPED
        stage.finish()

    # 4. Save what it has come to.
    if accelerator.is_main_process:
        steps = steps_before(config, len(config.stages))
        checkpointing.write_whole(config.output / run.result_name, lambda folder: run.save_result(folder, steps))
    accelerator.wait_for_everyone()
    return Ending.FINISHED


def refuse_changes(config: TrainConfig, progress: Progress) -> None:
    """Hold a configuration against the one that a checkpoint was made with.

    Raises:
        ChangedConfig: names the keys that differ.
    """
    stage = progress.stage
    if stage >= len(config.stages):
        changed = [f"stages[{stage}]"]
    else:
        changed = changes(progress.resume_fingerprint, resume_fingerprint(config, stage))
        changed += [f"stages[{stage}].steps"] * (progress.stage_step > config.stages[stage].steps)
    if changed:
        raise ChangedConfig(f"{config.output} holds a run that was told otherwise: {', '.join(changed)}")


def is_finished(config: TrainConfig, progress: Progress) -> bool:
    """Whether nothing is left to do."""
    last = len(config.stages) - 1
    done = progress.stage == last and progress.stage_step == config.stages[last].steps
    return done and (config.output / result_name(config)).is_dir()


def _check_packages(config: TrainConfig) -> None:
    """Import now what a later stage would miss."""
    needed = {
        "peft": config.weights is not None,
        "prodigyopt": any(stage.optimizer.name == "prodigy" for stage in config.stages),
        "tensorboard": config.tensorboard,
    }
    for name in (name for name, is_needed in needed.items() if is_needed):
        importlib.import_module(name)


def _work(stage: StageRun, source: ExampleSource, metrics: Metrics | None, watcher: Watcher) -> bool:
    """Take the steps that are left; False if it was stopped."""
    run, settings = stage.run, stage.stage
    config, accelerator = run.config, run.accelerator
    watcher.stage_started(settings.name, stage.step, settings.steps)
    coming = stage.ready(batches(source, settings.batch, run.pipe.card, stage.indices, config.workers))
    while stage.step < settings.steps:
        began = time.monotonic()
        record = stage.take_step(list(islice(coming, settings.accumulate)), began)
        if metrics is not None:  # in the main process
            metrics.add(record)
            watcher.stepped(record)
        stopped = _anyone(accelerator, watcher.stop_asked())
        ended = stage.step == settings.steps
        if stopped and not ended:
            watcher.told("stopping, once this step is saved")
        if accelerator.is_main_process and (stopped or ended or stage.step % settings.checkpoint_every == 0):
            watcher.told(f"saved {stage.save(config.output / CHECKPOINTS)}")
        samples = settings.samples
        if accelerator.is_main_process and samples is not None and (ended or stage.step % samples.every == 0):
            examples = source.batch(_SHEET, samples.scenes)
            watcher.told(f"painted {stage.paint(examples, config.output / 'samples' / f'{record.step:06d}.png')}")
        accelerator.wait_for_everyone()
        if stopped:
            return False
    return True


def _load(run: Run, stages: int, weights: Mapping[str, torch.Tensor]) -> None:
    """Put weights in the place of what the first `stages` stages train."""
    parameters = changed_by(run, stages)
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(weights[name])


def _anyone(accelerator: Accelerator, asked: bool) -> bool:
    """Whether any process was asked to stop; they stop together."""
    if accelerator.num_processes == 1:
        return asked
    return bool(accelerator.reduce(torch.tensor(float(asked), device=accelerator.device), "sum"))


def _stage_seed(config: TrainConfig, index: int) -> int:
    return int(np.random.SeedSequence([config.seed, index]).generate_state(1)[0])
