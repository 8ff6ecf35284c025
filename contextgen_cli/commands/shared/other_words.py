"""The words of other tools, each with ours: what somebody types who knows those, and is told when it is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

_GOES_ON = "the same command goes on where it ended; what is finished is left alone"
_SIDE_BY_SIDE = "`contextgen report` shows the pictures of a folder side by side"
_NAMED_BARE = "it is named without an option, as the usage says"
_IN_THE_FILE = "a run's settings are keys of CONFIG, which --set changes: --set stages.0.steps=200"

# Words -> our options, of which the first that the command has is named, then what else is to be said.
OPTIONS: Mapping[str, tuple[str, str]] = {
    "-j --jobs -w --workers --num-workers --num-processes --nproc -np --parallelism": ("--processes", ""),
    "--gpus --num-gpus": ("--processes --device", "one a GPU; --processes auto takes all"),
    "--gpu --gpu-id --cuda --cpu": ("--device", "such as --device cuda:1 or cpu"),
    "--resume --continue --skip-existing --no-overwrite --no-clobber": ("", _GOES_ON),
    "-f --force --overwrite --redo --rerun --restart": ("--fresh --force", ""),
    "--lora --loras --lora-path --lora-weights": ("--adapter", ""),
    "--lora-scale --lora-weight --adapter-scale --adapter-weight": ("--adapter", ", as in --adapter PATH=0.8"),
    "-m --checkpoint --ckpt --weights --base-model --model-path --model-id": ("--model", ""),
    "--out --outdir --out-dir --outfile --output-dir --output-path --save-dir --dest -d": ("--output", ""),
    "-i --input --inputs-dir --input-dir --file --files --scene --config -c": ("", _NAMED_BARE),
    "-n --num --num-images --images --num-samples --samples --repeat --variations": ("--count --scenes", ""),
    "-b --batch --batch-size --bs": (
        "",
        "pictures are painted one by one: --count gives several of a scene, --processes paints side by side",
    ),
    "--cfg --cfg-scale --guidance-scale --scale -g": ("--guidance", ""),
    "--width --height -W -H --resolution --res --image-size --canvas": ("--size", "such as --size 768x512"),
    "--num-steps --num-inference-steps --sampling-steps --iterations --iters --inference-steps": ("--steps", ""),
    "--seeds --random-seed --manual-seed --rng": ("--seed", ""),
    "--negative --negative-prompt --neg": ("", "there are none: let the prompt say what there is"),
    "--scheduler --sampler": ("", "the model's own is used"),
    "--precision --fp16 --bf16 --half --torch-dtype": ("--dtype", ""),
    "--int8 --fp8 --nf4 --4bit --8bit --load-in-4bit --load-in-8bit --quantization": ("--quantize", ""),
    "--lowvram --low-vram --medvram --offload --cpu-offload --vram": ("--memory", "such as --memory offload"),
    "--dryrun --plan --simulate --pretend": ("--dry-run", ""),
    "--check --lint": ("", "`contextgen validate` checks scenes"),
    "--compare --diff": ("", f"{_SIDE_BY_SIDE}; `contextgen replay` paints one again and compares the two"),
    "--filter --match --include": ("--only", ""),
    "--retry --retries": ("--retry-failed", ""),
    "--debug --loglevel --log-level": ("--verbose", "once for more, -vv for all"),
    "--silent --no-progress": ("--quiet", ""),
    "--no-preview": ("--preview", "as --preview never"),
    "--no-color --no-colour --colour": ("--color", "as --color never"),
}
_OF_TRAINING = (
    "--steps --epochs --lr --learning-rate --batch --batch-size --rank --lora --seed --model -b -o --output --out"
)

COMMANDS: Mapping[str, str] = {
    "generate gen run batch paint draw sample infer predict txt2img make": "`contextgen render` paints scenes",
    "check lint verify test": "`contextgen validate` checks scenes",
    "new create start template scaffold example": "`contextgen init` writes a scene to begin with",
    "preview layout": "`contextgen compose` draws the layout",
    "show info view cat metadata exif": "`contextgen inspect` shows what a picture remembers",
    "redo repeat reproduce rerun": "`contextgen replay` renders a picture again",
    "ls list compare diff gallery": f"{_SIDE_BY_SIDE}; `contextgen models` lists the models",
    "gui ui web webui serve studio app": "there is no window: `contextgen report` writes a page of pictures to look at",
    "finetune fine-tune lora fit": "`contextgen train` trains a model or an adapter",
    "benchmark eval evaluate measure": "`contextgen bench` measures a model",
    "dataset datasets synth synthetic": "`contextgen data synth` draws training sets",
    "convert": "`contextgen import` turns other tools' files into scenes",
    "download pull fetch login": "a model is fetched when it is first used; `contextgen models` lists them",
    "resume continue retry": _GOES_ON,
    "completion completions complete": "`_CONTEXTGEN_COMPLETE=bash_source contextgen` prints the script for bash, as "
    "zsh_source and fish_source do for theirs",
    "status env diagnose": "`contextgen doctor` says what this machine can do",
}


def about_option(word: str, command: str, known: Collection[str]) -> str | None:
    """What to say of an option that a command does not have, such as `--jobs`; None: nothing better than its spelling.

    Args:
        command: as it was typed, such as `contextgen data synth`.
        known: the options that the command has.
    """
    if command.endswith(" train") and word in _OF_TRAINING.split():
        return _sentence(_IN_THE_FILE)
    for words, (ours, more) in OPTIONS.items():
        if word in words.split():
            return _ours(ours.split(), more, command, known)
    flag = f"--{word.removeprefix('--no-')}"
    if word.startswith("--no-") and flag in known:
        return f"Leave {flag} out: without it that is so."
    return None


def _ours(options: Sequence[str], more: str, command: str, known: Collection[str]) -> str:
    found = next((each for each in options if each in known), None)
    if options and found is None:
        return f"`{command}` has nothing like it; {options[0]} is an option of `contextgen render`."
    return _sentence(", ".join(part for part in (f"Here it is {found}" if found else "", more) if part))


def about_command(word: str) -> str | None:
    """What to say of a command that there is not, such as `generate`; None: nothing better than its spelling."""
    if Path(word).suffix.lower() in (".yaml", ".yml", ".json", ".jsonl"):
        return f"`contextgen render {word}` paints it."
    if Path(word).suffix.lower() == ".png":
        return f"`contextgen inspect {word}` shows what it remembers."
    return next((_sentence(said) for words, said in COMMANDS.items() if word.lower() in words.split()), None)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
