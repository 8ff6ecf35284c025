"""The data a stage asks for -> where its examples come from."""

from __future__ import annotations

from contextgen.data.example import ExampleSource
from contextgen.training.config import ImigData, SynthData


def open_source(data: SynthData | ImigData, seed: int) -> ExampleSource:
    """The source of a stage's examples; what it needs is read now, so that errors come before the weights load.

    Raises:
        ValueError, OSError: a data set that is missing or broken.
    """
    if isinstance(data, ImigData):
        from contextgen.data.imig.imig_dataset import ImigFolders

        return ImigFolders([(folder.path, folder.weight) for folder in data.folders], seed, *data.size)
    from contextgen.data.stream import StreamSpec, SyntheticStream

    return SyntheticStream(seed, StreamSpec(data.levels, data.sizes, data.counts, data.hints))
