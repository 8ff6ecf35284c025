"""Run by torchrun: a whole run, then two steps whose weights every rank tells; rank 0 prints them."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from accelerate import Accelerator
from shapes import Notes, Shapes, config, stage

from contextgen.training.model_loading import open_model
from contextgen.training.preprocessing.samples import prepare
from contextgen.training.stage import Run, StageRun
from contextgen.training.trainer import train

told = config(Path(sys.argv[1]), stage(steps=2))
notes = Notes()
ending = train(told, notes, lambda data, seed: Shapes(seed), on_cpu=True)

accelerator = Accelerator(cpu=True)
pipe, card = open_model(told, accelerator)
run = StageRun(Run(told, pipe, accelerator, card), 0)
losses = []
indices = list(run.indices)
prepared = ([prepare(example, pipe.card) for example in Shapes().batch(index, 2)] for index in indices)
for batch in run.ready(prepared):
    losses.append(run.take_step([batch], time.monotonic()).loss)
weights = torch.cat([parameter.detach().flatten() for parameter in pipe.transformer.parameters()])
everyones = accelerator.gather(weights[None])
taken = accelerator.gather(torch.tensor(indices)).tolist()
if accelerator.is_main_process:
    equal = bool((everyones == everyones[0]).all())
    result = {"ranks": len(everyones), "equal": equal, "losses": losses, "taken": taken, "ending": ending.value}
    sys.stdout.write(json.dumps({**result, "steps": len(notes.records)}) + "\n")
