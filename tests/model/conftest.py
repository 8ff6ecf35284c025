from __future__ import annotations

import pytest
import torch
from golden_cases import TINY

from contextgen import ContextGenPipeline


def load(**options) -> ContextGenPipeline:
    """The tiny model with its adapter."""
    pipe = ContextGenPipeline.from_pretrained(TINY, **{"adapter": TINY / "adapter", **options})
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="session")
def loaded() -> ContextGenPipeline:
    return load()


@pytest.fixture
def pipe(loaded: ContextGenPipeline):
    """The tiny model as it is loaded by default, whatever the last test made of it."""
    loaded.set_attention()
    loaded._latents._values.clear()
    loaded._embeddings._values.clear()
    torch.manual_seed(0)
    return loaded
