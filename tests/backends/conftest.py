from __future__ import annotations

import pytest
import torch
from golden_cases import load

from contextgen import ContextGenPipeline


@pytest.fixture(scope="session")
def loaded() -> ContextGenPipeline:
    return load()


@pytest.fixture
def pipe(loaded: ContextGenPipeline):
    """The tiny model as it is loaded by default, whatever the last test made of it."""
    loaded.set_attention()
    loaded.empty_caches()
    torch.manual_seed(0)
    return loaded
