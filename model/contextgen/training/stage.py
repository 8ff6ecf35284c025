"""One stage of a run: forward, backward, step; saved and resumed to the bit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.data.example import Example
from contextgen.training import checkpointing
from contextgen.training.callbacks import Diverged, Monitor, StepRecord
from contextgen.training.checkpointing import Progress
from contextgen.training.config import Denoising, Stage, TrainConfig
from contextgen.training.fingerprint import resume_fingerprint
from contextgen.training.model_loading import freeze, parameters_of
from contextgen.training.objectives.objective import Loss
from contextgen.training.objectives.selection import make_objective, trained_components
from contextgen.training.optim import WeightAverage, make_optimizer, rate_share
from contextgen.training.preprocessing.data_loader import ahead
from contextgen.training.preprocessing.samples import Prepared
from contextgen.training.sample_sheet import paint_sheet
from contextgen.training.saving import adapter_file, save_adapter, save_model

Parts = Sequence[Any]  # of a batch, as its objective readied them


@dataclass(frozen=True)
class Run:
    """What all stages share: the model, the processes, and where its card lies."""

    config: TrainConfig
    pipe: ContextGenPipeline
    accelerator: Accelerator
    card: Path | None

    @property
    def result_name(self) -> str:
        """The name of the folder that rendering takes."""
        return result_name(self.config)

    def save_result(self, folder: Path, step: int) -> None:
        """Write what rendering takes, with the weights as they are after so many steps of all stages: a model, or an
        adapter under LoRA."""
        lora = self.config.weights
        if lora is None:
            save_model(self.pipe, folder, self.card)
        else:
            dtype = getattr(torch, self.pipe.card.weights_dtype)
            save_adapter(parameters_of(self.pipe, ("transformer",), lora), folder / adapter_file(step), lora, dtype)


def result_name(config: TrainConfig) -> str:
    """`model`, or `adapter` under LoRA."""
    return "model" if config.weights is None else "adapter"


def steps_before(config: TrainConfig, index: int) -> int:
    """Steps of the stages before one."""
    return sum(stage.steps for stage in config.stages[:index])


def changed_by(run: Run, stages: int) -> dict[str, torch.nn.Parameter]:
    """Every parameter that the first `stages` stages train, by name."""
    config = run.config
    components = [trained_components(stage, config.train_text_encoders) for stage in config.stages[:stages]]
    return parameters_of(run.pipe, dict.fromkeys(chain(*components)), config.weights)


class StageRun:
    """A stage at work, begun with the weights as they are.

    Attributes:
        step: steps done in this stage.
    """

    def __init__(self, run: Run, index: int) -> None:
        self.run = run
        self.stage: Stage = run.config.stages[index]
        self.step = 0
        self._index = index
        self._before = steps_before(run.config, index)
        components = trained_components(self.stage, run.config.train_text_encoders)
        self._trainable = parameters_of(run.pipe, components, run.config.weights)
        freeze(run.pipe, self._trainable.values())
        objective = self.stage.objective
        if isinstance(objective, Denoising) and objective.gradient_checkpointing:
            run.pipe.transformer.enable_gradient_checkpointing()
        else:
            run.pipe.transformer.disable_gradient_checkpointing()
        self._objective = make_objective(run.pipe, self.stage, self._trainable, run.config.train_text_encoders)
        self._optimizer = make_optimizer(self.stage.optimizer, self._trainable)
        self._rates = [float(group["lr"]) for group in self._optimizer.param_groups]
        self._average = None if self.stage.ema is None else WeightAverage(self.stage.ema, self._trainable)
        self._monitor = Monitor()

    @property
    def indices(self) -> Sequence[int]:
        """The batches that this process still has to take."""
        count, rank = self.run.accelerator.num_processes, self.run.accelerator.process_index
        return range(
            self.step * self.stage.accumulate * count + rank,
            self.stage.steps * self.stage.accumulate * count,
            count,
        )

    def ready(self, batches: Iterator[Sequence[Prepared]]) -> Iterator[Parts]:
        """What the training does not change of each batch, in parts for one forward pass each.

        It is made as it is asked for; on a GPU, a batch ahead of it.
        """
        coming = map(self._ready, batches)
        return coming if self.run.accelerator.device.type == "cpu" else ahead(coming)

    def _ready(self, batch: Sequence[Prepared]) -> Parts:
        micro_batch_size, device = self._objective.micro_batch_size, self.run.accelerator.device
        current = None if device.type == "cpu" else device.index  # a thread begins with the first GPU
        with torch.accelerator.device_index(current):  # and no autocast, whose cache all threads would share
            return [
                self._objective.ready(batch[start : start + micro_batch_size])
                for start in range(0, len(batch), micro_batch_size)
            ]

    def take_step(self, batches: Sequence[Parts], began: float) -> StepRecord:
        """Descend once over `accumulate` batches.

        Args:
            began: when the step did, by the monotonic clock: the wait for its data counts.

        Raises:
            Diverged: the loss or its gradient is no number, or the loss has risen for good; the weights did not move.
        """
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._descend(batches)
        self._monitor.take(float(loss.value), self._objective.baseline_loss)
        norm = self.run.accelerator.clip_grad_norm_(list(self._trainable.values()), self.stage.clip)
        if not torch.isfinite(norm):
            raise Diverged(f"the gradient's norm is {float(norm)}")
        share = rate_share(self.stage.optimizer, self.step, self.stage.steps)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * share
        self._optimizer.step()
        if self._average is not None:
            self._average.update(self.step)
        self.step += 1
        return self._record(loss, float(norm), time.monotonic() - began)

    def _descend(self, batches: Sequence[Parts]) -> Loss:
        """Gradients of the mean loss over all samples of all processes, and that loss."""
        accelerator = self.run.accelerator
        generator = torch.Generator().manual_seed(self._seed())
        parts = list(chain(*batches))
        total = sum(len(part) for part in parts)
        value, figures = torch.zeros((), device=accelerator.device), dict[str, float]()
        with self._autocast():  # around all parts: weights are rounded once
            for part in parts:
                loss = self._objective.loss(part, generator)
                with self._autocast(enabled=False):
                    accelerator.backward(loss.value * (len(part) / total))
                value += loss.value.detach() * (len(part) / total)
                for name, figure in loss.figures.items():
                    figures[name] = figures.get(name, 0.0) + figure * len(part) / total
        self._share_gradients()
        return Loss(accelerator.reduce(value, "mean"), figures)

    def _share_gradients(self) -> None:
        """Give every process the mean of all gradients, in one message."""
        accelerator = self.run.accelerator
        if accelerator.num_processes == 1:
            return
        gradients = []
        for parameter in self._trainable.values():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        flat = accelerator.reduce(torch.cat([gradient.flatten() for gradient in gradients]), "mean")
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def _seed(self) -> int:
        """Of all that is random in a step: a resumed run needs no state but the step's number."""
        key = [self.run.config.seed, self._index, self.step, self.run.accelerator.process_index]
        return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))

    def _record(self, loss: Loss, norm: float, seconds: float) -> StepRecord:
        samples = self.stage.batch * self.stage.accumulate * self.run.accelerator.num_processes
        return StepRecord(
            step=self._before + self.step,
            stage=self.stage.name,
            stage_step=self.step,
            stage_steps=self.stage.steps,
            loss=float(loss.value),
            learning_rate=float(self._optimizer.param_groups[0]["lr"]),
            gradient_norm=norm,
            samples_per_second=samples / seconds,
            seconds=seconds,
            figures=loss.figures,
        )

    def save(self, folder: Path) -> Path:
        """Write a checkpoint of this moment.

        Raises:
            OSError: the disk is full, or may not be written.
        """
        plain, tensors = checkpointing.split_state(self._optimizer.state_dict())
        progress = Progress(
            step=self._before + self.step,
            stage=self._index,
            stage_step=self.step,
            stage_done=self.step >= self.stage.steps,
            resume_fingerprint=resume_fingerprint(self.run.config, self._index),
            monitor=self._monitor,
            optimizer=plain,
        )
        changed = changed_by(self.run, self._index + 1)
        average = None if self._average is None else self._average.averages
        return checkpointing.write(folder, progress, changed, average, tensors, self._save_result)

    def restore(self, checkpoint: Path, progress: Progress) -> None:
        """Go on from a checkpoint of this stage, whose weights are in place already."""
        self.step = progress.stage_step
        self._monitor = progress.monitor
        state = checkpointing.join_state(progress.optimizer, checkpointing.read_optimizer(checkpoint))
        self._optimizer.load_state_dict(state)
        if self._average is not None:
            self._average.restore(checkpointing.read_average(checkpoint))

    def finish(self) -> None:
        """Settle on the weights that the stage leaves behind."""
        if self._average is not None:
            self._average.adopt()
        self._optimizer.zero_grad(set_to_none=True)

    def paint(self, examples: Sequence[Example], file: Path) -> Path:
        """Write a sheet of pictures painted with the weights as they would be saved."""
        assert self.stage.samples is not None
        with self._shown(), self._autocast():
            paint_sheet(self.run.pipe, examples, self.stage.samples.steps, file)
        return file

    def _save_result(self, folder: Path) -> None:
        with self._shown():
            self.run.save_result(folder / self.run.result_name, self._before + self.step)

    def _shown(self) -> AbstractContextManager[None]:
        return nullcontext() if self._average is None else self._average.shown()

    def _autocast(self, *, enabled: bool = True) -> torch.autocast:
        """The run's precision; what the file says holds, whatever a launcher was told."""
        enabled = enabled and self.run.config.precision == "bf16"
        return torch.autocast(self.run.accelerator.device.type, torch.bfloat16, enabled=enabled)
