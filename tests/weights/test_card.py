"""What a model folder says of itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from golden_cases import GOLDEN, TINY

from contextgen.backends.flux_kontext.backend import read_model_card
from contextgen.method.method_card import ModelCard


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("vae", "transformer"):
        (tmp_path / name).mkdir()
        shutil.copy(TINY / name / "config.json", tmp_path / name)
    return tmp_path


def test_without_a_file_the_released_values_hold(folder: Path) -> None:
    card = read_model_card(folder)
    assert card == ModelCard()
    assert card.prompt_template == (GOLDEN / "prompt_template.txt").read_text().strip()


def test_file_overrides(folder: Path) -> None:
    stated = {"steps": 4, "ica_blocks": [0, 3], "prompt_template": "{prompt}", "reference_sides": [[256, 64]]}
    (folder / "contextgen.json").write_text(json.dumps(stated))
    card = read_model_card(folder)
    assert (card.steps, card.ica_blocks, card.instruction("a crab")) == (4, (0, 3), "a crab")
    assert (card.reference_side(256, 300), card.reference_side(257, 300)) == (64, 1024)


@pytest.mark.parametrize(
    ("canvas", "fits", "near"),
    [
        ((256, 256), True, (256, 256)),
        ((384, 192), True, (384, 192)),
        ((128, 272), False, (128, 256)),
        ((512, 512), False, (384, 384)),
        ((768, 512), False, (384, 256)),
        ((1024, 128), False, (256, 128)),
        ((96, 96), False, (128, 128)),
        ((96, 160), False, (128, 208)),
    ],
)
def test_a_card_knows_the_canvases_that_its_model_was_made_for(
    canvas: tuple[int, int], fits: bool, near: tuple[int, int]
) -> None:
    card = ModelCard(width=256, height=256, smallest_side=128, largest_side=384, largest_aspect=2)
    assert card.fits(*canvas) is fits
    assert card.nearest_canvas(*canvas) == near and card.nearest_canvas(*canvas[::-1]) == near[::-1]
    assert ModelCard().fits(*canvas)


def test_token_side_follows_the_vae(folder: Path) -> None:
    config = json.loads((folder / "vae" / "config.json").read_text())
    config["block_out_channels"] = [8, 16]
    (folder / "vae" / "config.json").write_text(json.dumps(config))
    assert read_model_card(folder).token_side == 4


@pytest.mark.parametrize(
    "prompt", ["a photo of a crab", "An Image of a crab", "a picture of a crab", "a crab", "  a photo of a crab"]
)
def test_one_lead_is_stripped_from_the_caption(prompt: str) -> None:
    assert ModelCard(prompt_template="[{prompt}]").instruction(prompt) == "[a crab]"


def test_a_lead_within_the_caption_is_kept() -> None:
    caption = "a crab in a photo of a sea"
    assert ModelCard(prompt_template="{prompt}").instruction(caption) == caption


def test_braces_in_a_caption_are_kept() -> None:
    assert "'a {sign} of {prompt}'" in ModelCard().instruction("a {sign} of {prompt}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"steps": 4', r"contextgen\.json:1:12: not JSON"),
        ("[]", "expected a JSON object"),
        ('{"stepz": 4}', "unknown key 'stepz'"),
        ('{"token_side": 8}', "unknown key 'token_side'"),
        ('{"steps": 0}', "steps: 0"),
        ('{"steps": true}', "steps: True"),
        ('{"guidance": "high"}', "guidance"),
        ('{"guidance": -1}', "guidance"),
        ('{"prompt_template": "no place"}', "prompt_template"),
        ('{"prompt_template": "{prompt} {prompt}"}', "prompt_template"),
        ('{"ica_blocks": [-1]}', "ica_blocks"),
        ('{"reference_sides": [[256]]}', "reference_sides"),
        ('{"weights_dtype": "float8"}', "weights_dtype"),
        ('{"smallest_side": 0}', "smallest_side"),
        ('{"largest_aspect": 0.5}', "largest_aspect"),
        ('{"mag_ratios": [1, 0]}', "mag_ratios"),
        ('{"mag_ratios": []}', "mag_ratios"),
        ('{"ica_blocks": [2, 99]}', r"contextgen\.json: ica_blocks: ICA block 99 does not exist"),
    ],
)
def test_malformed_file_is_refused_with_its_name(folder: Path, content: str, words: str) -> None:
    (folder / "contextgen.json").write_text(content)
    with pytest.raises(ValueError, match=words):
        read_model_card(folder)
