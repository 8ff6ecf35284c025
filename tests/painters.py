"""Renderers that paint without a model: slowly, or not at all, where the scene's name says so."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from PIL import Image

from contextgen_cli.batch.plan import Job, JobCost, Recipe, Weights
from contextgen_cli.batch.rank import RankPlace
from contextgen_cli.errors import DeviceError, DeviceLost, JobError, OutOfMemory, OutputError
from contextgen_cli.records.output import Composition
from contextgen_cli.scene.scene import Sampling, Scene, Size

RECIPE = Recipe(Weights("m", "0"), (), {"dtype": "float32", "attention": "exact", "ica": "released"}, 2, 3.5)


def job(name: str, number: int = 0, tflop: float = 1.0) -> Job:
    scene = Scene(name, "a crab", Size(16, 16), (), (), sampling=Sampling(2, 3.5))
    return Job(scene, number, f"{name}{number:03}".ljust(64, "0"), RECIPE, (), JobCost(1, tflop, 1))


def record_of(job: Job) -> dict[str, str]:
    return {"job": job.id}


def make(place: RankPlace) -> Painter:
    return Painter(place)


def make_stillborn(place: RankPlace) -> Painter:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def make_joint(place: RankPlace) -> Joint:
    return Joint(place)


class Painter:
    """`bomb` kills its process, `once` the first time only, each `shy` the first time that it is opened; `lost` loses
    its GPU, `bad` fails, `full` finds the disk full, `slow` and `endless` take their time."""

    def __init__(self, place: RankPlace) -> None:
        self._seat = place

    def open(self, job: Job) -> None:
        if job.scene.name == "shy" and not (died := Path(f"{os.environ['PAINTERS_ONCE']}-{job.seed}")).exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def render(self, job: Job, on_step) -> Image.Image:
        on_step(1)
        name = job.scene.name
        if name == "bomb" or (name == "once" and not Path(os.environ["PAINTERS_ONCE"]).exists()):
            if name == "once":
                Path(os.environ["PAINTERS_ONCE"]).touch()
            time.sleep(0.2)  # for what was said before to be heard
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "bad":
            raise JobError("no", hint="try")
        if name == "lost":
            raise DeviceLost("the device gave up")
        if name == "full":
            raise OutputError("the disk is full")
        time.sleep({"slow": 0.5, "endless": 3600.0}.get(name, 0.01))
        return Image.new("L", (16, 16), hash(job.seed) % 256)

    def composition(self, job: Job) -> Composition:
        return Composition(Image.new("RGBA", (16, 16)), ())

    def reduce_memory(self, job: Job) -> str:
        return "nothing"

    def peak_bytes(self) -> int:
        return self._seat.rank


class Joint(Painter):
    """Waits for the others at every picture; only in those that do not lead it goes wrong: `large` cannot be opened,
    `greedy` has too little memory until it is relieved, `bomb` and `bad` are as above, `last` fails in the last one."""

    def __init__(self, place: RankPlace) -> None:
        super().__init__(place)
        self._reduced_for = False

    def open(self, job: Job) -> None:
        if job.scene.name == "large" and self._seat.rank:
            raise DeviceError("it does not fit")

    def reduce_memory(self, job: Job) -> str:
        self._reduced_for = True
        return super().reduce_memory(job)

    def render(self, job: Job, on_step) -> Image.Image:
        if self._seat.rank:
            if job.scene.name == "greedy" and not self._reduced_for:
                raise OutOfMemory("too little")
            super().render(job, on_step)
        if job.scene.name == "last" and self._seat.rank == self._seat.ranks - 1:
            raise JobError("the last one's own")
        from torch import distributed  # here alone: most ranks that are started for a test need no torch

        distributed.barrier()
        return Image.new("L", (16, 16))
