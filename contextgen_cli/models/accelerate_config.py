"""What a file made by `accelerate config` says of this host: how many processes compute here, and on which devices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contextgen_cli.errors import EnvironmentProblem
from contextgen_cli.models.devices import rank_devices


@dataclass(frozen=True, slots=True)
class LocalRanks:
    """The ranks that suit this host: how many, and the device that is asked for them; None: the fastest."""

    count: int
    device: str | None


def suitable_ranks(device: str | None) -> LocalRanks:
    """A rank for each device of the kind asked for; where none is asked for, what accelerate's file says.

    Raises:
        DeviceError: there is no such device.
        EnvironmentProblem: the file cannot be read.
    """
    stated = _stated() if device is None else None
    return stated or LocalRanks(len(rank_devices(device)), device)


def _stated() -> LocalRanks | None:
    """What the file says, as accelerate reads it; None where there is no file."""
    from accelerate.commands.config import config_args
    from yaml import YAMLError

    file = Path(config_args.default_config_file)
    if not file.is_file():
        return None
    try:
        content = config_args.load_config_from_file(str(file))
        device = "cpu" if content.use_cpu else _numbered(content.gpu_ids)
        processes = int(getattr(content, "num_processes", -1))  # of all machines; -1: given with each command
        machines = max(1, int(content.num_machines))
    except (OSError, ValueError, TypeError, AttributeError, YAMLError) as problem:
        reason = str(problem).strip().split("\n", 1)[0]
        raise EnvironmentProblem(
            f"{file} is no configuration of accelerate's: {reason}",
            hint="Run `accelerate config` again, or give a number of --processes.",
        ) from problem
    return LocalRanks(max(1, processes // machines) if processes > 0 else len(rank_devices(device)), device)


def _numbered(gpu_ids: Any) -> str | None:
    """Those of the fastest kind with these numbers, where its devices have some: `0,2` -> `cuda:0,2`."""
    kind, numbered, _ = rank_devices(None)[0].partition(":")
    if gpu_ids in (None, "all") or not numbered:
        return None
    return f"{kind}:{str(gpu_ids).replace(' ', '')}"
