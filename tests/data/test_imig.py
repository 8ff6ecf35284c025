"""Sets in IMIG-100K's formats: what is written is read, what is broken is said with its place."""

from __future__ import annotations

import numpy as np
import pytest
from imig_sets import prompts, save, write_base, write_composite, write_prompts, write_release
from PIL import Image, ImageColor, ImageDraw

from contextgen.data.imig.imig_dataset import ImigFolders
from contextgen.data.imig.imig_writing import write_basic
from contextgen.data.stream import StreamSpec, SyntheticStream
from contextgen.method.method_card import ModelCard
from contextgen.training.preprocessing.samples import prepare

CARD = ModelCard()
COLOURS = {name: np.array(ImageColor.getrgb(name)) for name in ("white", "red", "blue", "lime")}
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
    folder = tmp_path / "imig-composite"
    write_composite(folder, range(1))
    return folder


def opened(folder, side=128, **chances):
    return ImigFolders([(folder, 1.0)], 0, side, side, **chances)


def by_prompt(examples):
    return {example.prompt: example for example in examples}


def test_what_is_written_is_read(basic):
    read = by_prompt(opened(basic, kontext_probability=1).batch(0, 5))
    for scene in SCENES:
        example = read[scene.prompt]
        assert [each.box for each in example.instances] == [each.box for each in scene.instances]
        difference = np.asarray(example.target, int) - np.asarray(scene.target, int)
        assert abs(difference).mean() < 3
        for got, given in zip(example.instances, scene.instances, strict=True):
            opaque = given.image.getchannel("A").point(lambda alpha: 255 * (alpha > 127))
            assert got.mask.tobytes() == opaque.tobytes()


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


def test_a_folder_that_is_no_set_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"filtered_prompts\.json is missing: give a folder"):
        opened(tmp_path)


def test_a_folder_of_sets_is_told_from_a_set(tmp_path):
    write_release(tmp_path, records=1, side=64)
    with pytest.raises(
        ValueError, match="give one of the sets in it, imig-basic, imig-complex, imig-composite, imig-mul"
    ):
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
    [
        ([0, 0, 9], "record 0: not enough values"),
        ([0, 0, "wide", 9], "record 0: could not convert"),
        ([0, 0, float("nan"), 9], "record 0: .* not made of numbers"),
        (7, "record 0: "),
    ],
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
        record["reference_images"][0]["bbox"] = [140, 100, 160, 120]
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


@pytest.fixture
def base(tmp_path):
    folder = tmp_path / "imig-complex"
    write_base(folder, range(2))
    return folder


@pytest.mark.parametrize("canvas", [256, 192, 384])
def test_a_plain_crop_lies_in_the_layout_pixel_for_pixel_where_it_is_in_the_target(base, canvas):
    for example in opened(base, side=canvas, kontext_probability=0).batch(0, 2):
        assert {each.fit for each in example.instances} == {"image"}
        sample = prepare(example, CARD)
        given = np.asarray(example.layout.getchannel("A")) > 127
        assert np.array_equal(sample.layout[given], sample.target[given])
        expected = Image.new("L", (256, 256))
        for box in ((16, 24, 176, 232), (120, 8, 240, 108), (180, 120, 250, 200)):
            ImageDraw.Draw(expected).ellipse((box[0], box[1], box[2] - 1, box[3] - 1), fill=255)
        wrong = given != (np.asarray(expected.resize((canvas, canvas))) > 127)
        assert wrong.mean() < 0.002  # of the mask that is a JPEG


def test_a_crop_that_was_cut_elsewhere_is_fitted_like_any_picture(base):
    """Its size tells: then nothing says that it is the target."""
    for path in (*base.glob("instance_data/*"), *base.glob("masked_instance_data/*")):
        save(Image.open(path).resize((64, 64)), path)
    for example in opened(base, side=256, kontext_probability=0).batch(0, 2):
        given = np.asarray(example.layout.getchannel("A")) > 127
        difference = np.asarray(example.layout.convert("RGB"), int) - np.asarray(example.target, int)
        assert abs(difference[given]).mean() > 10


def test_an_edited_reference_is_whole_and_its_valid_box_is_for_the_paste_alone(base):
    (example,) = [each for each in opened(base, 256, kontext_probability=1).batch(0, 2) if each.prompt == "Picture 0."]
    by_box = {each.box: each for each in example.instances}
    first, second, third = (by_box[box] for box in ((16, 24, 176, 232), (120, 8, 240, 108), (180, 120, 250, 200)))
    assert (first.image.size, first.fit) == ((192, 208), "area")
    assert (second.image.size, second.fit) == ((192, 208), "image")
    assert (third.image.size, third.fit) == ((70, 80), "image")  # nobody edited it
    for each in (first, second):
        assert each.mask.point(lambda value: 255 * (value > 127)).getbbox() == (64, 60, 141, 181)


def test_the_paste_of_an_edited_reference_fits_the_union_of_its_mask_and_its_valid_box(tmp_path):
    """Union of [64, 60, 140, 180] and [30, 40, 150, 160] is 120 x 140: in the box of 160 x 208 it is 1.407 as large."""
    write_base(tmp_path / "set", range(1))
    (record,) = prompts(tmp_path / "set")
    record["reference_images"] = record["reference_images"][:1]
    write_prompts(tmp_path / "set", [record])
    (example,) = opened(tmp_path / "set", 256, kontext_probability=1).batch(0, 1)
    scale = (160 * 208 / (120 * 140)) ** 0.5
    left, top = 96 - int(120 * scale) // 2, 128 - int(140 * scale) // 2
    subject = [left + 34 * scale, top + 20 * scale, left + 110 * scale, top + 140 * scale]
    assert example.layout.getchannel("A").getbbox() == pytest.approx(subject, abs=1.5)


def test_an_aligned_face_lies_around_the_face_in_the_target(tmp_path):
    """Worked: [600, 180, 700, 310] on 1024 is 75 x 97.5 about (487.5, 183.75) on 768; the picture is 1.783 as large."""
    folder = tmp_path / "imig-multicomposite"
    write_composite(folder, range(1))
    save(Image.new("RGB", (1024, 1024), "green"), folder / "composite_images/100000.jpg")
    (record,) = prompts(folder)
    record["face_bbox"][0].update(target=[600, 180, 700, 310], aligned_face_bbox=[130, 100, 380, 430])
    record["bbox"][0]["bbox"] = [500, 100, 900, 1000]
    write_prompts(folder, [record])
    (example,) = opened(folder, side=768, face_probability=1).batch(0, 1)
    (face,) = [each for each in example.instances if each.box == (420, 96, 554, 270)]
    assert (face.image.mode, face.image.size, face.fit) == ("RGBA", (512, 512), "image")


def face_in_layout(tmp_path, number, chance):
    """Where the one red pixel block of a reference's face comes to lie, with nothing else in the layout."""
    folder = tmp_path / "set"
    write_composite(folder, range(1))
    record = prompts(folder)[0]
    for key in ("indices", "bbox", "face_bbox", "instance", "instance_prompt"):
        record[key] = record[key][number : number + 1]
    write_prompts(folder, [record])
    picture, mask = Image.new("RGB", (100, 160), "blue"), Image.new("1", (100, 160))
    ImageDraw.Draw(picture).rectangle((36, 31, 53, 48), fill="red")  # about (45, 40), the centre of `ref`
    ImageDraw.Draw(mask).rectangle((25, 10, 90, 150), fill=1)
    save(picture, folder / "reference_masks/100000_0.jpg")
    save(mask, folder / "reference_masks/100000_0_mask.png")
    aligned = Image.new("RGBA", (512, 512))
    ImageDraw.Draw(aligned).rectangle((60, 40, 480, 500), fill="blue")
    ImageDraw.Draw(aligned).rectangle((225, 235, 285, 295), fill="red")  # about (255, 265), the centre of the face
    for name in (0, 3):
        save(aligned, folder / f"aligned_faces/100000_{name}_aligned_face.png")
    (example,) = opened(folder, side=256, face_probability=chance).batch(0, 1)
    layout = np.asarray(example.layout, int)
    red = (layout[..., 0] > 140) & (layout[..., 2] < 110) & (layout[..., 3] > 127)
    rows, columns = np.nonzero(red)
    return example, ((columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2)


@pytest.mark.parametrize("chance", [0, 1])
def test_a_face_of_the_reference_lies_on_the_face_of_the_target(tmp_path, chance):
    example, centre = face_in_layout(tmp_path, 0, chance)
    assert centre == pytest.approx((75, 60), abs=1.5)
    assert example.instances[0].image.size == ((512, 512) if chance else (100, 160))


@pytest.mark.parametrize("chance", [0, 1])
def test_a_subject_without_a_box_is_shown_by_its_aligned_face(tmp_path, chance):
    example, centre = face_in_layout(tmp_path, 2, chance)
    assert centre == pytest.approx((205, 69), abs=1.5)
    assert example.instances[0].image.size == (512, 512)


def test_a_body_without_a_face_fits_its_whole_picture_into_its_box(composite):
    (example,) = opened(composite, side=256, face_probability=0).batch(0, 1)
    (dog,) = [each for each in example.instances if each.box == (120, 150, 200, 250)]
    assert (dog.fit, dog.image.size) == ("image", (100, 160))


@pytest.mark.parametrize("side", [512, 1024])
def test_composites_are_read_at_either_size(tmp_path, side):
    write_composite(tmp_path, range(1), side)
    (example,) = opened(tmp_path, 256, face_probability=0).batch(0, 1)
    assert {each.box for each in example.instances} >= {(20, 20, 130, 240), (120, 150, 200, 250)}


def test_the_aligned_face_is_taken_three_times_of_four(composite):
    examples = opened(composite, side=64).batch(0, 60)
    faces = [any(each.image.size == (512, 512) and each.box[0] < 32 for each in one.instances) for one in examples]
    assert 0.6 < np.mean(faces) < 0.9


def test_captions_of_composites_are_needed_and_others_may_be_dropped(base, composite):
    assert {each.needs_prompt for each in opened(base).batch(0, 2)} == {False}
    assert {each.needs_prompt for each in opened(composite).batch(0, 1)} == {True}
    assert prepare(opened(composite).batch(0, 1)[0], CARD).needs_prompt


def test_boxes_without_area_are_skipped_counted_and_said(base, composite):
    (first, second), (record,) = prompts(base), prompts(composite)
    first["reference_images"][1]["bbox"] = [50, 60, 50, 90]
    first["reference_images"][0]["valid_bbox"] = [9, 9, 4, 20]
    second["reference_images"] = []
    record["bbox"][1]["bbox"] = [-120, 150, -20, 250]
    record["face_bbox"][2] = None
    write_prompts(base, [first, second])
    write_prompts(composite, [record])
    source = ImigFolders([(base, 1), (composite, 1)], 0, 64, 64)
    assert sorted(len(each.instances) for each in source.batch(0, 2)) == [1, 2]
    assert source.notes == (
        "imig-complex: 1 records",
        "imig-composite: 1 records",
        "imig-complex: 1 of 2 records have no reference that can be used",
        "imig-complex: skipped 2 boxes without area",
        "imig-composite: skipped 1 boxes without area",
        "imig-composite: skipped 1 references that were not found in their target",
    )


def test_a_box_that_reaches_over_the_edge_ends_there(base):
    records = prompts(base)
    for record in records:
        record["reference_images"] = record["reference_images"][:1]
        record["reference_images"][0]["bbox"] = [-6, 24, 154, 232]
    write_prompts(base, records)
    (example,) = opened(base, side=256, kontext_probability=0).batch(0, 1)
    assert [each.box for each in example.instances] == [(0, 24, 154, 232)]
    given = np.asarray(example.layout.getchannel("A")) > 127
    assert given[128, :154].all() and not given[:, 156:].any()


@pytest.mark.parametrize(
    ("counts", "expected"), [((60, 20), {"base": 60, "composite": 4}), ((90, 2), {"base": 30, "composite": 2})]
)
def test_a_mix_is_drawn_once_and_uses_the_smaller_side_whole(tmp_path, counts, expected):
    for name in ("imig-basic", "imig-complex"):
        write_base(tmp_path / name, range(1))
        (record,) = prompts(tmp_path / name)
        write_prompts(tmp_path / name, [{**record, "prompt": f"base {name} {k}"} for k in range(counts[0] // 2)])
    write_composite(tmp_path / "imig-composite", range(1))
    (record,) = prompts(tmp_path / "imig-composite")
    write_prompts(tmp_path / "imig-composite", [{**record, "prompt": f"composite {k}"} for k in range(counts[1])])

    def mixed(seed):
        base = (tmp_path / "imig-basic", tmp_path / "imig-complex")
        return ImigFolders([(base, 15), (tmp_path / "imig-composite", 1)], seed, 32, 32)

    passes = [[each.prompt for each in mixed(3).batch(number, len(mixed(3)))] for number in range(2)]
    for prompts_seen in passes:
        assert len(set(prompts_seen)) == len(prompts_seen)
        assert {kind: sum(each.startswith(kind) for each in prompts_seen) for kind in expected} == expected
    assert sorted(passes[0]) == sorted(passes[1]) and passes[0] != passes[1]
    assert {each.prompt for each in mixed(4).batch(0, len(mixed(4)))} != set(passes[0])


def test_containers_lie_behind_and_the_others_as_chance_has_it(tmp_path):
    """Four flat colours: the two large boxes hold the two small ones, which overlap."""
    boxes = {
        "white": (10, 10, 246, 246),
        "red": (90, 90, 150, 150),
        "blue": (20, 20, 220, 220),
        "lime": (60, 60, 120, 120),
    }
    write_base(tmp_path, range(1))
    (record,) = prompts(tmp_path)
    (reference, *_) = record["reference_images"]
    record["reference_images"] = [
        {**reference, "bbox": list(box), "index": number} for number, box in enumerate(boxes.values())
    ]
    write_prompts(tmp_path, [record])
    for number, colour in enumerate(boxes):
        save(Image.new("RGB", (64, 64), colour), tmp_path / f"kontext_data/000000_{number}.jpg")
        save(Image.new("1", (64, 64), 1), tmp_path / f"masked_kontext_data/000000_{number}_mask.png")
    examples = opened(tmp_path, 256, kontext_probability=1).batch(0, 20)
    assert {tuple(each.box for each in one.instances) for one in examples} == {tuple(boxes.values())}
    seen = [{at: one.layout.getpixel(at)[:3] for at in ((15, 15), (40, 40), (70, 70), (105, 105))} for one in examples]
    near = [
        [min(COLOURS, key=lambda name: abs(COLOURS[name] - np.array(rgb)).sum()) for rgb in one.values()]
        for one in seen
    ]
    assert {tuple(each[:3]) for each in near} == {("white", "blue", "lime")}
    assert {each[3] for each in near} == {"red", "lime"}


def test_all_four_subsets_are_read(tmp_path):
    root = write_release(tmp_path)
    base, composites = (
        (root / "imig-basic", root / "imig-complex"),
        (root / "imig-composite", root / "imig-multicomposite"),
    )
    source = ImigFolders([(base, 15), (composites, 1)], 0, 64, 64)
    assert len(source) == 5
    for example in source.batch(0, 5):
        assert len(example.instances) == 3
        prepare(example, CARD)
