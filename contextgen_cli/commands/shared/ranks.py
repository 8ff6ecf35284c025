"""What every rank's process begins with: its words go where the command's go, its renderer to a device of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from contextgen_cli.batch.rank import RankPlace
from contextgen_cli.models import devices
from contextgen_cli.models.numerics import Settings
from contextgen_cli.models.renderer import ModelRenderer
from contextgen_cli.terminal import console


@dataclass(frozen=True)
class RankRenderer:
    """Makes a rank's renderer, in its process; called with the rank's place."""

    settings: Settings
    presets: Mapping[str, str] = field(default_factory=dict)  # the memory preset chosen for each model
    verbosity: int = 0

    def __call__(self, place: RankPlace) -> ModelRenderer:
        console.configure(verbosity=self.verbosity)
        console.adopt_logging()
        renderer = ModelRenderer(
            replace(self.settings, device=devices.for_rank(self.settings.device, place.local_rank)), self.presets
        )
        if renderer.device == "cpu":
            devices.share_cores(place.local_ranks)
        return renderer
