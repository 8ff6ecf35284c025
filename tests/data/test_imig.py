"""Sets in IMIG-100K's formats: what is written is read, what is broken is said with its place."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from contextgen.data.imig.imig_dataset import ImigFolders
from contextgen.data.imig.imig_writing import write_basic
from contextgen.data.stream import StreamSpec, SyntheticStream

SPEC = StreamSpec(levels={"plain": 1, "flexible": 1}, sizes=((128, 128, 1),), counts=(1, 3))
SCENES = SyntheticStream(0, SPEC).scenes(0, 5)


@pytest.fixture
def basic(tmp_path):
    folder = tmp_path / "basic"
    folder.mkdir()
    assert write_basic(folder, SCENES) == 5
    return folder


@pytest.fixture
def composite(tmp_path):
    """One picture of three: a person with an aligned face, a thing, and one that was not found again."""
    folder = tmp_path / "composite"
    for name in ("composite_images", "reference_masks", "aligned_faces"):
        (folder / name).mkdir(parents=True)
    Image.new("RGB", (256, 256), "green").save(folder / "composite_images/000007.jpg")
    for number in range(3):
        Image.new("RGB", (40, 80), "red").save(folder / f"reference_masks/000007_{number}.jpg")
        Image.new("L", (40, 80), 255).save(folder / f"reference_masks/000007_{number}_mask.png")
    Image.new("RGBA", (512, 512), "blue").save(folder / "aligned_faces/000007_0_aligned_face.png")
    record = {
        "index": 7,
        "prompt": "Two on grass.",
        "instance": ["a woman", "a dog", "a hat"],
        "instance_prompt": "",
        "indices": [0, 1, 2],
        "bbox": [{"bbox": [0, 0, 128, 256], "score": 0.9}, {"bbox": [128, 128, 256, 256], "score": 0.8}, None],
        "face_bbox": [{"ref": None, "target": None, "score": 1, "aligned_face_bbox": [32, 16, 96, 80]}, None, None],
    }
    write_prompts(folder, [record])
    return folder


def write_prompts(folder, records):
    (folder / "filtered_prompts.json").write_text(json.dumps(records), encoding="utf-8")


def prompts(folder):
    return json.loads((folder / "filtered_prompts.json").read_text(encoding="utf-8"))


def opened(folder, side=128, **chances):
    return ImigFolders([(folder, 1.0)], 0, side, side, **chances)


def by_prompt(examples):
    return {example.prompt: example for example in examples}


def test_what_is_written_is_read(basic):
    read = by_prompt(opened(basic, kontext_probability=1).batch(0, 5))
    for scene in SCENES:
        example = read[scene.prompt]
        assert example.layout is None
        assert [each.box for each in example.instances] == [each.box for each in scene.instances]
        difference = np.asarray(example.target, int) - np.asarray(scene.target, int)
        assert abs(difference).mean() < 3
        for got, given in zip(example.instances, scene.instances, strict=True):
            opaque = given.image.getchannel("A").point(lambda alpha: 255 * (alpha > 127))
            assert got.mask.tobytes() == opaque.crop(opaque.getbbox()).tobytes()


def test_without_the_edited_reference_it_is_the_crop_of_the_target(basic):
    read = by_prompt(opened(basic, kontext_probability=0).batch(0, 5))
    for scene in SCENES:
        for got, given in zip(read[scene.prompt].instances, scene.instances, strict=True):
            crop = np.asarray(scene.target.crop(given.box), int)
            assert abs(np.asarray(got.image, int) - crop).mean() < 4


def test_both_are_mixed_by_their_probability(basic):
    examples = [example for index in range(40) for example in opened(basic).batch(index, 5)]
    sizes = [
        each.image.size == (each.box[2] - each.box[0], each.box[3] - each.box[1])
        for one in examples
        for each in one.instances
    ]
    assert 0.3 < np.mean(sizes) < 0.7


def test_targets_and_boxes_are_scaled_to_the_canvas(basic):
    small, large = (by_prompt(opened(basic, side=side).batch(0, 5)) for side in (128, 256))
    for prompt, example in large.items():
        assert example.target.size == (256, 256)
        doubled = [tuple(2 * edge for edge in each.box) for each in small[prompt].instances]
        assert [each.box for each in example.instances] == doubled


def test_a_pass_shows_every_record_once_and_the_next_in_another_order(basic):
    source = opened(basic)
    passes = [[example.prompt for example in source.batch(index, 5)] for index in range(4)]
    assert all(sorted(each) == sorted(passes[0]) for each in passes)
    assert len(set(map(tuple, passes))) > 1


def test_a_batch_depends_on_seed_and_index_alone(basic):
    first, again = (opened(basic).batch(3, 4) for _ in range(2))
    assert [example.prompt for example in first] == [example.prompt for example in again]
    assert [each.image.tobytes() for one in first for each in one.instances] == [
        each.image.tobytes() for one in again for each in one.instances
    ]


def test_sets_are_mixed_by_their_weights(basic, composite):
    source = ImigFolders([(basic, 15), (composite, 1)], 0, 64, 64)
    prompts_seen = [example.prompt for example in source.batch(0, 160)]
    assert 2 <= prompts_seen.count("Two on grass.") <= 22


def test_a_face_stands_for_its_body_where_there_is_one(composite):
    (example,) = opened(composite, side=256, face_probability=1).batch(0, 1)
    assert [each.box for each in example.instances] == [(32, 16, 96, 80), (128, 128, 256, 256)]
    assert [each.image.mode for each in example.instances] == ["RGBA", "RGB"]
    (example,) = opened(composite, side=256, face_probability=0).batch(0, 1)
    assert [each.box for each in example.instances] == [(0, 0, 128, 256), (128, 128, 256, 256)]


def test_a_folder_that_is_no_set_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"filtered_prompts\.json is missing: give a folder"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [("[{]", r"json:1:3: not JSON"), ("{}", "expected a list of records"), ("[]", "at least one"), ("[1]", "a list")],
)
def test_a_list_that_is_none_is_refused(basic, text, said):
    (basic / "filtered_prompts.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        opened(basic)


def test_a_record_without_a_key_is_named(basic):
    records = prompts(basic)
    del records[2]["prompt"]
    write_prompts(basic, records)
    with pytest.raises(ValueError, match="record 2: the key 'prompt' is missing"):
        opened(basic)


@pytest.mark.parametrize(
    ("box", "said"),
    [([5, 5, 5, 9], "record 0: the box .* has no area"), ([0, 0, 9], "record 0: not enough values")],
)
def test_a_box_that_is_none_is_named(basic, box, said):
    records = prompts(basic)
    records[0]["reference_images"][0]["bbox"] = box
    write_prompts(basic, records)
    with pytest.raises(ValueError, match=said):
        opened(basic)


def test_a_box_outside_its_picture_is_named(basic):
    records = prompts(basic)
    for record in records:
        record["reference_images"][0]["bbox"] = [100, 100, 140, 120]
    write_prompts(basic, records)
    with pytest.raises(ValueError, match=r"record \d: the box .* lies outside its picture of 128 x 128 pixels"):
        opened(basic).batch(0, 1)


@pytest.mark.parametrize("pattern", ["data/*.jpg", "instance_data/*.jpg", "masked_instance_data/*.png"])
def test_a_missing_picture_is_named(basic, pattern):
    for path in basic.glob(pattern):
        path.unlink()
    with pytest.raises(ValueError, match=r"record \d: .* is missing: fetch the set again"):
        opened(basic, kontext_probability=0).batch(0, 1)


def test_a_broken_picture_is_named(basic):
    for path in basic.glob("data/*.jpg"):
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"record \d: .* cannot be read"):
        opened(basic).batch(0, 1)


def test_weights_are_positive(basic):
    with pytest.raises(ValueError, match="a positive weight"):
        ImigFolders([(basic, 0)], 0, 64, 64)
