"""What every rank's process begins with: its words go where the command's go, its renderer to a device of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from contextgen_cli.batch.rank import Seat
from contextgen_cli.models import devices
from contextgen_cli.models.numerics import Settings
from contextgen_cli.models.renderer import Renderer
from contextgen_cli.terminal import console


@dataclass(frozen=True)
class RankRenderer:
    """Makes a rank's renderer, in its process; called with the rank's seat."""

    settings: Settings
    presets: Mapping[str, str] = field(default_factory=dict)  # the memory preset chosen for each model
    verbosity: int = 0

    def __call__(self, seat: Seat) -> Renderer:
        console.configure(verbosity=self.verbosity)
        console.adopt_logging()
        renderer = Renderer(
            replace(self.settings, device=devices.for_rank(self.settings.device, seat.local_rank)), self.presets
        )
        if renderer.device == "cpu":
            devices.share_cores(seat.local_ranks)
        return renderer
