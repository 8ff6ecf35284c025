"""A stage's settings -> its objective, and the parts of the pipeline that it trains."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.training.config import Codec, Dpo, Flow, Stage, Text
from contextgen.training.objectives.codec_objective import Reconstruction
from contextgen.training.objectives.dpo_objective import Preference
from contextgen.training.objectives.flow_objective import FlowMatching
from contextgen.training.objectives.objective import Objective
from contextgen.training.objectives.text_objective import Captioning

_TEXT_ENCODERS = ("text_encoder", "text_encoder_2")


def trained_components(stage: Stage, train_text_encoders: bool) -> tuple[str, ...]:
    """The parts of the pipeline that a stage trains."""
    match stage.objective:
        case Codec():
            return ("vae",)
        case Text():
            return _TEXT_ENCODERS
        case Flow() if train_text_encoders:
            return ("transformer", *_TEXT_ENCODERS)
        case Flow() | Dpo():
            return ("transformer",)


def make_objective(
    pipe: ContextGenPipeline, stage: Stage, trainable: Mapping[str, torch.Tensor], train_text_encoders: bool
) -> Objective:
    """The objective of a stage that begins with the weights as they are.

    Raises:
        ValueError: the model's codec is none that can be trained.
    """
    match stage.objective:
        case Codec():
            return Reconstruction(pipe, stage.batch)
        case Text():
            return Captioning(pipe, stage.batch)
        case Flow() as told:
            return FlowMatching(pipe, told, stage.batch, train_text_encoders=train_text_encoders)
        case Dpo() as told:
            frozen = {name.removeprefix("transformer."): tensor.detach().clone() for name, tensor in trainable.items()}
            return Preference(pipe, told, stage.batch, frozen)
