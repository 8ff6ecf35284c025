"""What every rank's process begins with: its words go where the command's go, its renderer to a device of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from contextgen_cli.batch.rank import RankPlace
from contextgen_cli.models import devices, threads
from contextgen_cli.models.numerics import Settings
from contextgen_cli.models.renderer import ModelRenderer


@dataclass(frozen=True)
class RankRenderer:
    """Makes a rank's renderer, in its process; called with the rank's place.

    Args:
        settings: the command's; its `device` may name several, which the ranks of a host take in turn.
            Without `threads` those of a host share its CPUs.
        set_up: what the front end does first in a process of its own; pickled on the way.
        presets: the memory preset chosen for each model.
    """

    settings: Settings
    set_up: Callable[[], None]
    presets: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, place: RankPlace) -> ModelRenderer:
        """
        Raises:
            DeviceError: there is no such device on this host.
        """
        threads.wait_passively()  # in a worker of Ray's nobody has said so yet
        self.set_up()
        here = devices.rank_devices(self.settings.device)
        device = devices.choose_device(here[place.local_rank % len(here)])
        devices.make_current(device)
        threads.compute_here(self.settings.threads, place.local_ranks, looking=False)
        return ModelRenderer(replace(self.settings, device=device.name), self.presets)
