"""Peak memory by preset, against the estimate that `render` prints.

`python benchmarks/memory.py [--canvas 512] [--presets full lean] [--device cuda] [--model FOLDER --adapter PATH]`
writes a JSON line for each preset; each paints one picture in a process of its own. On a GPU it is the allocator's
peak, on a CPU the resident memory. Without --model: random weights in FLUX.1's proportions, 1,024 wide, or with --flux
of its size, with the tokenizers of the tests' model.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from contextgen_cli.batch.plan import Overrides, plan
from contextgen_cli.models.numerics import Settings
from contextgen_cli.models.renderer import ModelRenderer
from contextgen_cli.scene.loader import LoadOptions, load
from contextgen_cli.scene.scene import Size

ROOT = Path(__file__).parents[1]
TOKENIZERS = ROOT / "tests" / "golden" / "tiny-kontext"
SCENE = ROOT / "scenes" / "two-subjects.yaml"
MIB = 1 << 20


def small(width: int) -> dict[str, dict[str, Any]]:
    """A model of FLUX.1's proportions, by what differs from the defaults: 4 double- and 8 single-stream blocks."""
    pooled = max(64, width // 4)
    return {
        "transformer": {
            "num_layers": 4,
            "num_single_layers": 8,
            "num_attention_heads": width // 128,
            "joint_attention_dim": width,
            "pooled_projection_dim": pooled,
        },
        "vae": {"block_out_channels": [width // 16, width // 8, width // 4, width // 4], "norm_num_groups": 8},
        "text_encoder": {"hidden_size": pooled, "intermediate_size": 4 * pooled},
        "text_encoder_2": {
            "d_model": width,
            "d_ff": 5 * width // 2,
            "num_heads": width // 64,
            "num_layers": 8,
        },
    }


FLUX: dict[str, dict[str, Any]] = {  # 12 B parameters, a T5 encoder of 4.6 B
    "transformer": {"num_layers": 19, "num_single_layers": 38},
    "vae": {"block_out_channels": [128, 256, 512, 512], "norm_num_groups": 32},
    "text_encoder": {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
    },
    "text_encoder_2": {"d_model": 4096, "d_ff": 10240, "num_heads": 64, "num_layers": 24},
}


def make_model(folder: Path, parts: dict[str, dict[str, Any]], device: str) -> None:
    """A model folder of random bfloat16 weights."""
    import torch
    from diffusers import AutoencoderKL, FluxTransformer2DModel
    from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

    def config(component: str) -> dict[str, Any]:
        return {**json.loads((TOKENIZERS / component / "config.json").read_text("utf-8")), **parts[component]}

    torch.set_default_dtype(torch.bfloat16)
    shutil.copytree(TOKENIZERS, folder, ignore=shutil.ignore_patterns("*.safetensors", "adapter"))
    makers = {
        "transformer": lambda: FluxTransformer2DModel(guidance_embeds=True, **parts["transformer"]),
        "vae": lambda: AutoencoderKL.from_config({**config("vae"), "latent_channels": 16, "layers_per_block": 2}),
        "text_encoder": lambda: CLIPTextModel(CLIPTextConfig(**config("text_encoder"))),
        "text_encoder_2": lambda: T5EncoderModel(T5Config(**{**config("text_encoder_2"), "d_kv": 64})),
    }
    for name, make in makers.items():
        with torch.device(device):
            part = make()
        part.to(torch.bfloat16).save_pretrained(folder / name)


def paint_one(asked: argparse.Namespace) -> dict[str, object]:
    """Estimate and peak of one picture, in MiB, and the seconds that it took with its model open."""
    canvas = asked.canvas[0]
    renderer = ModelRenderer(Settings(model=asked.model, adapter=asked.adapter, memory=asked.one, device=asked.device))
    scenes = load([str(asked.scene)], LoadOptions()).scenes[:1]
    jobs = plan(
        scenes, Overrides(steps=asked.steps, count=1, size=Size(canvas, canvas)), renderer.recipe, renderer.cost
    )
    (footprint,) = renderer.footprints(jobs).values()
    renderer.open(jobs.jobs[0])
    began = time.perf_counter()
    renderer.render(jobs.jobs[0], lambda done: None)
    seconds = time.perf_counter() - began
    peak = _peak(footprint.device.name)
    return {
        "preset": footprint.memory,
        "device": footprint.device.name.partition(":")[0],
        "canvas": canvas,
        "references": len(scenes[0].instances),
        "steps": asked.steps,
        "seconds": round(seconds, 1),
        "estimate_mib": round(footprint.needed / MIB),
        "peak_mib": round(peak / MIB),
        "estimate_over_peak": round(footprint.needed / peak, 3),
    }


def _peak(device: str) -> int:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_reserved(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--canvas", type=int, nargs="+", default=[512])
    parser.add_argument("--presets", nargs="+")
    parser.add_argument("--device")
    parser.add_argument("--model")
    parser.add_argument("--adapter")
    parser.add_argument("--scene", type=Path, default=SCENE)
    parser.add_argument("--steps", type=int, default=2, help="the second shows what stays")
    parser.add_argument("--flux", action="store_true", help="make up a model of FLUX.1's size: 34 GB on the disk")
    parser.add_argument("--width", type=int, default=1024, help="of the model that is made up")
    parser.add_argument("--one", metavar="PRESET", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(paint_one(asked)), flush=True)
        return
    presets = asked.presets or (["full"] if _is_cpu(asked.device) else ["full", "lean", "offload", "sequential"])
    with tempfile.TemporaryDirectory() as folder:
        if asked.model is None:
            asked.model = str(Path(folder) / "model")
            device = "cpu" if _is_cpu(asked.device) else "cuda"
            make_model(Path(asked.model), FLUX if asked.flux else small(asked.width), device)
        for canvas in asked.canvas:
            for preset in presets:
                command = [sys.executable, __file__, "--one", preset, "--model", asked.model, "--canvas", str(canvas)]
                command += ["--scene", str(asked.scene), "--steps", str(asked.steps)]
                command += ["--device", asked.device] if asked.device else []
                command += ["--adapter", asked.adapter] if asked.adapter else []
                subprocess.run(command, check=True)


def _is_cpu(device: str | None) -> bool:
    import torch

    return device == "cpu" or (device is None and not torch.cuda.is_available())


if __name__ == "__main__":
    main()
