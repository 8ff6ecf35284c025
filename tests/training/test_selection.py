"""Each objective trains its own parts of the pipeline."""

from __future__ import annotations

import pytest
import torch
from shapes import TINY, stage

from contextgen import ContextGenPipeline
from contextgen.training.config import Codec, Dpo, Flow, Text
from contextgen.training.model_loading import parameters_of
from contextgen.training.objectives.dpo_objective import Preference
from contextgen.training.objectives.flow_objective import FlowMatching
from contextgen.training.objectives.selection import make_objective, trained_components
from contextgen.training.objectives.text_objective import Captioning

TEXTS = ("text_encoder", "text_encoder_2")


@pytest.mark.parametrize(
    ("objective", "along", "trained"),
    [
        (Flow(), False, ("transformer",)),
        (Flow(), True, ("transformer", *TEXTS)),
        (Dpo(), True, ("transformer",)),
        (Codec(), True, ("vae",)),
        (Text(), False, TEXTS),
    ],
)
def test_text_encoders_move_along_with_flow_only(objective, along, trained) -> None:
    assert trained_components(stage(objective=objective), along) == trained


@pytest.mark.parametrize(
    ("settings", "kind", "at_once"),
    [
        (Flow(), FlowMatching, 5),
        (Flow(attention="exact"), FlowMatching, 1),
        (Dpo(), Preference, 5),
        (Dpo(attention="exact"), Preference, 1),
        (Text(), Captioning, 5),
    ],
)
def test_a_stage_gets_the_objective_that_it_names(settings, kind, at_once) -> None:
    pipe = ContextGenPipeline.from_pretrained(TINY, torch_dtype=torch.float32)
    moving = parameters_of(pipe, ("transformer",), None)
    objective = make_objective(pipe, stage(objective=settings, batch=5), moving, False)
    assert type(objective) is kind
    assert objective.micro_batch_size == at_once
