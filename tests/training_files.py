"""A training run's file, as small as one can be."""

from __future__ import annotations

from pathlib import Path


def training_file(model: Path, output: str = "out", steps: int = 1, samples: str = "") -> str:
    """One stage on synthetic scenes of a single size; `samples`: what is painted meanwhile, as YAML."""
    text = f"""\
version: 1
output: {output}
start: {{model: {model}}}
precision: float32
workers: 0
stages:
  - name: sft
    steps: {steps}
    batch: 1
    optimizer: {{learning_rate: 0.001}}
    data: {{synth: {{sizes: [[64, 64, 1]], counts: [1, 1]}}}}
"""
    return f"{text}    samples: {samples}\n" if samples else text
