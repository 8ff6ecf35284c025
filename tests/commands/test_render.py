"""`contextgen render` through the command line, with the tiny real model."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import profiles
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError
from painting import GOLDEN, TINY_ADAPTER, TINY_MODEL, draw_reference, with_options, write_scene
from PIL import Image, ImageChops, ImageColor
from waiting import DEADLINE, wait_until

from contextgen_cli.batch.hosts.launcher_env import LauncherEnv
from contextgen_cli.batch.launch import Topology
from contextgen_cli.batch.ledger import LEDGER
from contextgen_cli.records.picture_file import read_record

CASES = sorted(path.parent for path in (GOLDEN / "cases").glob("*/case.json"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != LEDGER)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names(folder)}


def test_data_goes_to_standard_output_and_words_to_standard_error(contextgen, tiny, scene, tmp_path):
    result = contextgen("render", scene, *tiny, "-o", tmp_path / "out")
    assert result.code == 0
    assert result.lines == [str(tmp_path / "out" / "picnic-0.png")]
    assert "[1/1] picnic-0: rendered" in result.err
    assert "1 rendered" in result.err
    assert "\x1b" not in result.err
    with Image.open(tmp_path / "out" / "picnic-0.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (128, 96))


@pytest.mark.parametrize("attention", ["exact", "masked"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden_pictures(contextgen, tmp_path, case, attention):
    stated = json.loads((case / "case.json").read_text())
    edges = ("left", "top", "right", "bottom")
    references = {
        f"r{number}": {key: str(case / instance[key]) for key in ("image", "mask") if instance.get(key)}
        for number, instance in enumerate(stated["instances"])
    }
    changes = {} if stated["layout"] is None else {"layout": str(case / stated["layout"])}
    path = write_scene(
        tmp_path / "golden.yaml",
        prompt=stated["prompt"],
        canvas={"width": stated["width"], "height": stated["height"]},
        references=references,
        instances=[
            {"reference": f"r{number}", "box": dict(zip(edges, instance["box"], strict=True))}
            for number, instance in enumerate(stated["instances"])
        ],
        seed=stated["seed"],
        sampling={"steps": stated["steps"], "guidance": stated["guidance"]},
        **changes,
    )
    model = ("--model", TINY_MODEL, "--adapter", TINY_ADAPTER, "--device", "cpu", "--dtype", "float32")
    out = tmp_path / "picture.png"
    assert contextgen("render", path, *model, "-o", out, "--attention", attention).code == 0
    with Image.open(out) as ours, Image.open(case / "expected.png") as expected:
        difference = ImageChops.difference(ours.convert("RGB"), expected.convert("RGB"))
    assert max(high for _, high in difference.getextrema()) <= 2
    histogram = difference.histogram()
    total = sum((index % 256) * count for index, count in enumerate(histogram))
    assert total / sum(histogram) < 0.1


def test_a_launcher_s_restart_goes_on_even_with_fresh(contextgen, tiny, scene, tmp_path, monkeypatch):
    command = ("render", scene, *tiny, "-o", tmp_path / "out", "--json")
    assert contextgen(*command).records[-1]["rendered"] == 1
    monkeypatch.setattr(
        "contextgen_cli.app.render.assemble",
        lambda request, place: (Topology(1, LauncherEnv(attempt=1)), request.settings),
    )
    assert contextgen(*command, "--fresh").records[-1]["rendered"] == 0
    monkeypatch.undo()
    assert contextgen(*command, "--fresh").records[-1]["rendered"] == 1


def test_a_folder_renders_twice_to_the_same_bytes(contextgen, tiny, tmp_path):
    write_scene(tmp_path / "scenes" / "a.yaml", seeds=[1, 2])
    write_scene(tmp_path / "scenes" / "b.yaml", prompt="something else")
    for out in ("first", "second"):
        assert contextgen("render", tmp_path / "scenes", *tiny, "-o", tmp_path / out).code == 0
    assert names(tmp_path / "first") == ["a-1.png", "a-2.png", "b-0.png"]
    assert bytes_of(tmp_path / "first") == bytes_of(tmp_path / "second")
    assert len(set(bytes_of(tmp_path / "first").values())) == 3


def test_a_second_run_leaves_what_is_there(contextgen, tiny, scene, tmp_path):
    out = tmp_path / "out"
    contextgen("render", scene, *tiny, "-o", out)
    written = (out / "picnic-0.png").stat().st_mtime_ns
    again = contextgen("render", scene, *tiny, "-o", out)
    assert (again.code, again.lines) == (0, [str(out / "picnic-0.png")])
    assert "already rendered" in again.err
    assert (out / "picnic-0.png").stat().st_mtime_ns == written
    contextgen("render", scene, *tiny, "-o", out, "--fresh")
    assert (out / "picnic-0.png").stat().st_mtime_ns > written


@pytest.mark.parametrize("change", ["prompt", "reference", "steps", "approximations"])
def test_the_newest_picture_has_the_plain_name_and_the_older_is_kept(contextgen, tiny, scene, tmp_path, change):
    out, options = tmp_path / "out", tiny
    contextgen("render", scene, *tiny, "-o", out)
    before, old = (out / "picnic-0.png").read_bytes(), read_record(out / "picnic-0.png")
    if change == "prompt":
        write_scene(scene, prompt="another prompt")
    elif change == "reference":
        draw_reference(tmp_path / "refs" / "crab.png", "#00ff00")
    else:
        more = {"steps": ("--steps", 2), "approximations": ("--cache-steps", "taylor")}[change]
        options = with_options(tiny, *more)
    result = contextgen("render", scene, *options, "-o", out)
    assert result.code == 0
    changed = {
        "prompt": "prompt",
        "reference": "refs/crab.png changed",
        "steps": "steps 1 -> 2",
        "approximations": "approximated nothing -> cache-steps=taylor",
    }[change]
    assert f"(changed: {changed})" in result.err
    assert (result.lines, names(out)) == ([str(out / "picnic-0.png")], [".contextgen", "picnic-0.png"])
    older = out / ".contextgen" / "outdated" / old["job"][:8] / "picnic-0.png"
    assert older.read_bytes() == before and str(older) in result.err
    assert read_record(out / "picnic-0.png")["job"] != old["job"]


def test_a_picture_of_a_version_that_knew_no_profiles_does_not_count_as_done(
    contextgen, tiny, scene, tmp_path, monkeypatch
):
    out, crab = tmp_path / "out", tmp_path / "refs" / "crab.png"
    with Image.open(crab) as image:
        image.save(crab, icc_profile=profiles.swapped())
    with monkeypatch.context() as then:
        then.setattr("contextgen_cli.app.render.readings", lambda scene: ())
        assert contextgen("render", scene, *tiny, "-o", out).code == 0
    old = read_record(out / "picnic-0.png")
    result = contextgen("render", scene, *tiny, "-o", out)
    assert "(changed: pictures are converted to sRGB now)" in result.err
    new = read_record(Path(result.lines[0]))
    assert contextgen("inspect", result.lines[0], "--json").records[0]["readings"] == ["converted to sRGB"]
    assert "readings" not in old and new["readings"] == ["converted to sRGB"] and new["job"] != old["job"]
    assert "already rendered" in contextgen("render", scene, *tiny, "-o", out).err
    older = out / ".contextgen" / "outdated" / old["job"][:8] / "picnic-0.png"
    again = contextgen("replay", older, result.lines[0], *tiny[:6], "-o", tmp_path / "again", "--json")
    assert "computes in another way" in again.err
    assert [replay["same_bytes"] for replay in again.records[:-1]] == [False, True]


def test_a_name_or_place_does_not_make_another_job(contextgen, tiny, tmp_path):
    first = write_scene(tmp_path / "one" / "a.yaml")
    second = write_scene(tmp_path / "other" / "b.yaml")
    paths = contextgen("render", first, second, *tiny, "-o", tmp_path / "out").lines
    assert len({read_record(Path(path))["job"] for path in paths}) == 1


def test_a_failing_job_is_told_and_the_rest_goes_on(contextgen, tiny, tmp_path, monkeypatch):
    write_scene(tmp_path / "a.yaml")
    write_scene(tmp_path / "b.yaml")
    vanish_when_painting("a", monkeypatch)
    result = contextgen("render", tmp_path, *tiny, "-o", tmp_path / "out", "--json")
    assert result.code == 1
    failed, rendered, summary = result.records
    assert (failed["status"], failed["error"]["class"]) == ("failed", "ImageError")
    assert "no such file" in failed["error"]["message"] and set(failed["error"]) == {"class", "message", "hint"}
    assert rendered["status"] == "rendered"
    assert (summary["type"], summary["failed"], summary["rendered"], summary["exit"]) == ("summary", 1, 1, 1)
    assert "error: a-0: no such file" in result.err
    assert names(tmp_path / "out") == ["b-0.png"]


def test_fail_fast_stops_at_the_first_failure(contextgen, tiny, tmp_path, monkeypatch):
    write_scene(tmp_path / "a.yaml")
    write_scene(tmp_path / "b.yaml")
    vanish_when_painting("a", monkeypatch)
    result = contextgen("render", tmp_path, *tiny, "-o", tmp_path / "out", "--fail-fast")
    assert (result.code, result.lines) == (1, [])


def vanish_when_painting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a reference vanish between the plan and the job of the scene called `name`."""
    from contextgen_cli.models.renderer import ModelRenderer

    paint = ModelRenderer.render

    def render(self, job, on_step):
        image = job.scene.references[0].image
        if job.scene.name != name:
            return paint(self, job, on_step)
        kept = image.read_bytes()
        image.unlink()
        try:
            return paint(self, job, on_step)
        finally:
            image.write_bytes(kept)

    monkeypatch.setattr(ModelRenderer, "render", render)


def test_all_problems_at_once_before_any_weights(contextgen, tmp_path):
    write_scene(tmp_path / "a.yaml", prompt="")
    write_scene(tmp_path / "b.yaml", canvas={"width": 40, "height": 96})
    (tmp_path / "refs" / "bag.png").write_bytes(b"no picture")
    result = contextgen("render", tmp_path, "--model", "no/model/at/all", "-o", tmp_path / "out")
    assert (result.code, result.out) == (2, "")
    for said in ("a.yaml:3:", "b.yaml:5:", "bag.png"):
        assert said in result.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--model", "nonsense"), 3, "'nonsense' is neither"),
        (("--model", "kontext", "--offline"), 3, "hint:"),
        (("--model", TINY_MODEL, "--adapter", "nowhere"), 3, "nowhere"),
        (("--model", TINY_MODEL, "--device", "cuda:7"), 3, "There is: "),
        (("--model", TINY_MODEL, "--device", "cpu", "--memory", "offload"), 3, "--memory full"),
        (("--model", TINY_MODEL, "--only", "picnick"), 2, "Did you mean picnic?"),
        (("--model", TINY_MODEL, "-o", "a.jpg"), 2, "pictures are PNG files"),
        (("--model", TINY_MODEL, "-o", "a.png", "--count", "2"), 2, "2 pictures do not fit"),
        (("--model", TINY_MODEL, "-o", "-", "--json"), 2, "both want standard output"),
        (("--model", TINY_MODEL, "-o", "-", "--count", "2"), 2, "2 pictures do not fit into standard output"),
        (("--model", TINY_MODEL, "-o", "-", "--save-layout"), 2, "no folder for layouts"),
        (("--model", TINY_MODEL, "-o", "-", "--save-inputs"), 2, "no folder for layouts"),
        (("--model", "kontext"), 3, "FLUX.1-Kontext-dev"),
        (("--set", "model=nonsense"), 2, "nonsense"),
    ],
    ids=[
        "no-such-model",
        "not-in-the-cache",
        "no-such-adapter",
        "no-such-device",
        "nowhere-to-offload",
        "no-such-scene",
        "no-png",
        "two-into-one",
        "json-and-png",
        "two-to-standard-output",
        "layout-to-standard-output",
        "inputs-to-standard-output",
        "no-network",
        "no-such-alias",
    ],
)
def test_refusals(contextgen, scene, monkeypatch, tmp_path, options, code, said):
    monkeypatch.chdir(tmp_path)
    result = contextgen("render", scene, *options)
    assert (result.code, result.out) == (code, "")
    assert said in result.err
    assert names(tmp_path) == ["picnic.yaml", "refs"]


@pytest.mark.parametrize(("options", "local"), [((), False), (("--offline",), True), (("--dry-run",), True)])
def test_the_network_is_asked_only_where_it_may_be(contextgen, scene, tmp_path, monkeypatch, options, local):
    asked = []

    def snapshot_download(repo: str, *, local_files_only: bool, **settings: object) -> str:
        asked.append(local_files_only)
        raise LocalEntryNotFoundError("not here")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    result = contextgen("render", scene, "--model", "someone/model", "-o", tmp_path / "out", *options)
    *cache, last = asked  # the cache alone is asked what the model takes
    assert (result.code, last) == (3, local) and all(cache)


def test_a_model_with_larger_tokens_refuses_the_canvas(contextgen, tmp_path):
    model = Path(shutil.copytree(TINY_MODEL, tmp_path / "model"))
    config = json.loads((model / "vae" / "config.json").read_text())
    (model / "vae" / "config.json").write_text(json.dumps({**config, "block_out_channels": [4] * 5}))
    path = write_scene(tmp_path / "s.yaml", canvas={"width": 112, "height": 96})
    result = contextgen("render", path, "--model", model, "--dry-run")
    assert (result.code, result.out) == (2, "")
    assert "`width` must be a multiple of 32; found 112" in result.err and "s.yaml:5:12: error" in result.err


def test_another_size_is_held_against_the_model_too(contextgen, tiny, scene):
    result = contextgen("render", scene, *tiny, "--size", "100x96", "--dry-run")
    assert (result.code, result.out) == (2, "")
    assert "the canvas 100x96 is no multiple of 16 px" in result.err and "give --size 96x96" in result.err


def test_the_model_is_opened_once_and_as_asked(contextgen, tiny, scene, tmp_path, monkeypatch):
    from contextgen import ContextGenPipeline

    opened, load = [], ContextGenPipeline.from_pretrained.__func__

    def spy(cls, *arguments, **settings):
        opened.append({name: settings[name] for name in ("attention", "ica", "dtype")})
        return load(cls, *arguments, **settings)

    monkeypatch.setattr(ContextGenPipeline, "from_pretrained", classmethod(spy))
    more = ("--attention", "masked", "--ica", "paper", "--dtype", "bfloat16", "--count", 2, "-o", tmp_path / "out")
    assert contextgen("render", scene, *tiny, *more).code == 0
    assert opened == [{"attention": "masked", "ica": "paper", "dtype": "bfloat16"}]


def test_what_does_not_fit_is_refused_before_it_loads(contextgen, tiny, scene, tmp_path, monkeypatch):
    monkeypatch.setattr("contextgen_cli.models.devices._main_memory", lambda: (1 << 20, 1 << 20))
    result = contextgen("render", scene, *tiny, "-o", tmp_path / "out")
    assert (result.code, result.out) == (3, "")
    assert "not enough memory: about" in result.err
    assert not (tmp_path / "out").exists()


def test_every_process_must_find_room(contextgen, tiny, scene, tmp_path, monkeypatch):
    free = 3 << 29  # enough for one tiny model
    monkeypatch.setattr("contextgen_cli.models.devices._main_memory", lambda: (free, free))
    more = ("--count", 3, "--dry-run")
    assert contextgen("render", scene, *with_options(tiny, "--processes", 1), *more).code == 0
    refused = contextgen("render", scene, *with_options(tiny, "--processes", 2), *more)
    assert (refused.code, "not enough memory: 2 times about" in refused.err) == (3, True)
    assert contextgen("render", scene, *with_options(tiny, "--processes", 8), "--dry-run").code == 0  # for one picture
    shared = contextgen("render", scene, *tiny, "--dry-run", "--parallel", "ring=2")  # every process holds the model
    assert (shared.code, "not enough memory: 2 times about" in shared.err) == (3, True)


def test_an_adapter_that_matches_nothing_is_an_error(contextgen, scene, tmp_path):
    other = TINY_MODEL / "vae"  # safetensors, but no adapter
    result = contextgen("render", scene, "--model", TINY_MODEL, "--adapter", other, "-o", tmp_path / "out")
    assert result.code == 3
    assert "hint:" in result.err


def test_precedence_of_flag_environment_scene_and_card(contextgen, tmp_path, monkeypatch):
    model = ("--model", TINY_MODEL, "--device", "cpu", "--dry-run", "--json")
    bare, stated = (
        write_scene(tmp_path / "bare.yaml"),
        write_scene(tmp_path / "s.yaml", sampling={"steps": 5}),
    )

    def steps(*arguments: object) -> int:
        return contextgen("render", *arguments, *model).records[0]["steps"]

    assert steps(bare) == 28
    assert steps(stated) == 5
    assert steps(stated, "--set", "model=kontext") == 5
    monkeypatch.setenv("CONTEXTGEN_STEPS", "6")
    assert steps(stated) == 6
    assert steps(stated, "--steps", 7) == 7


def test_seeds_and_counts(contextgen, tmp_path):
    model = ("--model", TINY_MODEL, "--device", "cpu", "--dry-run", "--json")
    path = write_scene(tmp_path / "s.yaml", seeds=[5, 9])

    def seeds(*arguments: object) -> list[int]:
        records = contextgen("render", path, *arguments, *model).records
        return [record["seed"] for record in records if record["type"] == "job"]

    assert seeds() == [5, 9]
    assert seeds("--seed", 3) == [3]
    assert seeds("--count", 3) == [5, 6, 7]
    assert seeds("--seed", 3, "--count", 2) == [3, 4]
    assert seeds("--limit", 1) == [5]


def test_shards(contextgen, tmp_path):
    path = write_scene(tmp_path / "s.yaml", seed=0, count=5)
    model = ("--model", TINY_MODEL, "--device", "cpu", "--dry-run", "--json")

    def seeds(*arguments: object) -> list[int]:
        return [record["seed"] for record in contextgen("render", path, *model, *arguments).records[:-1]]

    assert (seeds("--shard", "1/2"), seeds("--shard", "2/2")) == ([0, 2, 4], [1, 3])
    assert seeds("--shard", "2/2", "--limit", 1) == [1]
    assert seeds("--shard", "9/9") == []
    for wrong in ("0/2", "3/2", "2", "a/b"):
        assert contextgen("render", path, *model, "--shard", wrong).code == 2


def test_a_plan_says_what_is_done_and_how_long_the_rest_takes(contextgen, tiny, tmp_path):
    path, out = write_scene(tmp_path / "s.yaml", seed=0, count=2), ("-o", tmp_path / "out")
    contextgen("render", path, *tiny, *out, "--limit", 1)
    result = contextgen("render", path, *tiny, *out, "--dry-run")
    assert [line.split()[-1] for line in result.lines] == ["state", "done", "do"]
    assert "2 pictures: 1 done, 1 to do" in result.err and "at the pace of earlier runs" in result.err
    *jobs, summary = contextgen("render", path, *tiny, *out, "--dry-run", "--json").records
    assert [job["status"] for job in jobs] == ["skipped", "planned"]
    assert (summary["todo"], summary["skipped"]) == (1, 1) and summary["seconds"] > 0


def test_a_plan_of_which_nothing_is_left_claims_neither_time_nor_memory(contextgen, tiny, scene, tmp_path):
    contextgen("render", scene, *tiny, "-o", tmp_path / "out")
    result = contextgen("render", scene, *tiny, "-o", tmp_path / "out", "--dry-run")
    assert result.lines[1].split()[-2:] == ["-", "done"]
    assert "1 picture: 1 done, 0 to do" in result.err and "at the pace" not in result.err


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ((), ["a", "ab", "c"]),
        (("--only", "a*"), ["a", "ab"]),
        (("--only", "a", "--only", "c"), ["a", "c"]),
    ],
)
def test_only(contextgen, tmp_path, options, chosen):
    for name in ("a", "ab", "c"):
        write_scene(tmp_path / f"{name}.yaml")
    plan = contextgen("render", tmp_path, "--model", TINY_MODEL, "--device", "cpu", "--dry-run", "--json", *options)
    assert [record["scene"] for record in plan.records[:-1]] == chosen


def test_lines_for_a_program(contextgen, tiny, scene, tmp_path):
    (planned, _) = contextgen("render", scene, *tiny, "--dry-run", "--json").records
    for rendered, skipped in ((1, 0), (0, 1)):
        job, summary = contextgen("render", scene, *tiny, "-o", tmp_path / "out", "--json").records
        assert (summary["rendered"], summary["skipped"], summary["failed"]) == (rendered, skipped, 0)
        assert (job["type"], job["scene"], job["seed"], job["error"]) == ("job", "picnic", 0, None)
        assert job["path"] == str(tmp_path / "out" / "picnic-0.png")
        assert job["job"] == planned["job"] == read_record(Path(job["path"]))["job"]


def test_a_wider_dtype_takes_more_memory(contextgen, tiny, scene):
    narrow, wide = (
        contextgen("render", scene, *tiny, "--dry-run", "--json", "--dtype", dtype).records[0]["bytes"]
        for dtype in ("bfloat16", "float32")
    )
    assert wide > narrow > 0


def test_a_bug_in_one_job_leaves_a_log_and_the_rest_goes_on(contextgen, tiny, scene, tmp_path, monkeypatch):
    def broken(*arguments: object) -> None:
        raise KeyError("spans")

    monkeypatch.setattr("contextgen_cli.models.renderer.ModelRenderer.render", broken)
    result = contextgen("render", scene, *tiny, "-o", tmp_path / "out", "--count", 2)
    assert (result.code, result.out) == (1, "")
    assert result.err.count("report it with the log") == 1
    assert "one cause for 2 pictures: picnic-0, picnic-1: 'spans'" in result.err
    assert "2 failed" in result.err


def test_dry_run_shows_the_cost_and_writes_nothing(contextgen, tiny, scene, tmp_path):
    result = contextgen("render", scene, *tiny, "--dry-run", "-o", tmp_path / "out", "--count", 2)
    assert result.code == 0
    head, first, second = result.lines
    assert head.split() == ["picture", "size", "steps", "tokens", "TFLOP", "memory"]
    assert first.split()[:3] == ["picnic-0", "128x96", "1"]
    assert second.startswith("picnic-1")
    assert not (tmp_path / "out").exists()


def test_dry_run_says_what_the_run_will_say_of_memory(contextgen, tiny, scene, tmp_path):
    planned = contextgen("render", scene, *tiny, "--dry-run")
    ran = contextgen("render", scene, *tiny, "-o", tmp_path / "out")
    said = re.compile(r"tiny-kontext: about ([\d.]+ GiB) of")
    needed = said.search(ran.err).group(1)
    assert said.search(planned.err).group(1) == needed
    assert planned.lines[1].endswith(needed)
    assert "1 picture, " in planned.err
    assert all(len(number.replace(".", "").lstrip("0")) <= 3 for number in re.findall(r"([\d.]+) TFLOP", planned.err))


def test_dry_run_of_what_does_not_fit_shows_the_plan_and_then_why(contextgen, tiny, scene, monkeypatch):
    monkeypatch.setattr("contextgen_cli.models.devices._main_memory", lambda: (1 << 20, 1 << 30))
    result = contextgen("render", scene, *tiny, "--dry-run")
    assert result.code == 3
    assert result.lines[1].endswith("too much")
    assert "not enough memory" in result.err
    *jobs, summary = contextgen("render", scene, *tiny, "--dry-run", "--json").records
    assert ([job["bytes"] for job in jobs], summary["exit"]) == ([None], 3)


def test_dry_run_shows_what_each_row_of_a_matrix_has(contextgen, tiny, tmp_path):
    path = write_scene(
        tmp_path / "m.yaml",
        prompt="${who} in snow",
        matrix={"who": ["a fox", "a crab"], "steps": [1, 2]},
        sampling={"steps": "${steps}"},
    )
    result = contextgen("render", path, *tiny, "--dry-run")
    assert result.lines[0].split()[-1] == "matrix"
    assert result.lines[2].rstrip().endswith("who=a fox, steps=2")
    *jobs, _ = contextgen("render", path, *tiny, "--dry-run", "--json").records
    assert [job["matrix"] for job in jobs][2:] == [{"who": "a crab", "steps": 1}, {"who": "a crab", "steps": 2}]


def test_dry_run_costs_grow_with_size(contextgen, tiny, scene):
    def cost(*more: object) -> dict:
        return contextgen("render", scene, *tiny, "--dry-run", "--json", *more).records[0]

    small, large = cost(), cost("--size", "512x384")
    assert large["tokens"] > small["tokens"]
    assert large["tflop"] > small["tflop"]
    assert (large["width"], large["height"]) == (512, 384)


def test_one_picture_to_a_file_of_its_own(contextgen, tiny, scene, tmp_path):
    result = contextgen("render", scene, *tiny, "-o", tmp_path / "my picture.png")
    assert result.lines == [str(tmp_path / "my picture.png")]
    assert contextgen("render", scene, *tiny, "-o", tmp_path / "my picture.png").code == 0


@pytest.mark.parametrize("more", [(), ("--fresh",)], ids=["", "fresh"])
def test_a_file_that_holds_another_picture_is_refused_before_painting(contextgen, tiny, scene, tmp_path, more):
    out = tmp_path / "x.png"
    contextgen("render", scene, *tiny, "-o", out)
    before = out.read_bytes()
    result = contextgen("render", scene, *tiny, "--seed", 8, "-o", out, *more)
    assert (result.code, result.out) == (2, "")
    assert f"{out} holds another picture (job {read_record(out)['job'][:8]})" in result.err
    assert "rendered" not in result.err
    assert out.read_bytes() == before
    (tmp_path / "foreign.png").write_bytes(b"not ours")
    assert contextgen("render", scene, *tiny, "-o", tmp_path / "foreign.png", *more).code == 2
    assert (tmp_path / "foreign.png").read_bytes() == b"not ours"
    assert len(list(tmp_path.glob("*.png"))) == 2


def test_a_picture_cut_short_is_rendered_again_and_said_so(contextgen, tiny, scene, tmp_path):
    path = Path(contextgen("render", scene, *tiny, "-o", tmp_path / "out").lines[0])
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    result = contextgen("render", scene, *tiny, "-o", tmp_path / "out")
    assert (result.code, result.lines) == (0, [str(path)])
    assert f"{path} was not whole: rendered again" in result.err
    assert path.read_bytes() == whole


def test_size_set_and_no_metadata(contextgen, tiny, scene, tmp_path):
    more = ("--size", "192x128", "--set", "prompt=a cat", "-o", tmp_path / "out")
    with Image.open(contextgen("render", scene, *tiny, *more).lines[0]) as picture:
        assert picture.size == (192, 128)
        assert json.loads(picture.info["contextgen"])["scene"]["prompt"] == "a cat"
    twice = [contextgen("render", scene, *tiny, *more, "--no-metadata").lines for _ in range(2)]
    assert twice[0] == twice[1]
    with Image.open(twice[0][0]) as picture:
        assert picture.info == {}


def test_layout_and_inputs_are_kept_as_the_model_saw_them(contextgen, tiny, scene, tmp_path):
    out = tmp_path / "out"
    contextgen("render", scene, *tiny, "-o", out)
    contextgen("render", scene, *tiny, "-o", out, "--save-layout", "--save-inputs")
    assert names(out) == [
        "picnic-0.input-1.png",
        "picnic-0.input-2.png",
        "picnic-0.layout.png",
        "picnic-0.png",
    ]
    contextgen("compose", scene, "-o", tmp_path / "layout.png", "--model", TINY_MODEL)
    assert (out / "picnic-0.layout.png").read_bytes() == (tmp_path / "layout.png").read_bytes()
    for number, colour in ((1, "#805020"), (2, "#c03020")):  # back to front: the bag, the crab
        with Image.open(out / f"picnic-0.input-{number}.png") as kept:
            assert kept.getpixel((kept.width // 2, kept.height // 2)) == ImageColor.getcolor(colour, "RGBA")


@pytest.mark.parametrize(
    ("option", "kept"),
    [("--save-layout", ["picnic-0.layout.png"]), ("--save-inputs", ["picnic-0.input-1.png", "picnic-0.input-2.png"])],
)
def test_only_what_is_asked_for_is_kept(contextgen, tiny, scene, tmp_path, option, kept):
    contextgen("render", scene, *tiny, "-o", tmp_path / "out", option)
    assert names(tmp_path / "out") == [*kept, "picnic-0.png"]


def test_what_a_picture_remembers_names_no_place_of_this_machine(contextgen, tiny, scene, tmp_path):
    path = Path(contextgen("render", scene, *tiny, "-o", tmp_path / "out").lines[0])
    record = read_record(path)
    assert str(tmp_path) not in json.dumps(record)
    assert str(GOLDEN) not in json.dumps(record)
    assert (record["format"], record["numerics"], record["seed"]) == (1, 1, 0)
    assert (record["model"]["name"], record["adapter"]["name"]) == ("tiny-kontext", "adapter")
    assert record["adapter"]["digest"] != record["model"]["digest"]
    assert {"contextgen", "torch", "diffusers", "transformers", "pillow"} == set(record["versions"])
    assert set(record["inputs"]) == {"refs/bag.png", "refs/crab.png"}
    assert record["scene"]["sampling"] == {"steps": 1, "guidance": 3.5}


def test_from_another_folder_with_spaces_in_the_names(contextgen, tiny, tmp_path, monkeypatch):
    write_scene(tmp_path / "my scenes" / "a picnic.yaml")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    result = contextgen("render", "../my scenes", *tiny, "-o", "my pictures")
    assert result.code == 0, result.err
    assert Path(result.lines[0]).exists()


def test_scenes_from_standard_input(contextgen, tiny, scene, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(scene.read_bytes())))
    result = contextgen("render", "-", *tiny, "-o", "out")
    assert result.code == 0, result.err
    assert len(names(tmp_path / "out")) == 1


def test_a_full_disk_ends_the_run_and_the_summary_says_what_is_left(contextgen, tiny, scene, tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = contextgen("render", scene, *tiny, "-o", tmp_path / "out", "--count", 3)
    assert (result.code, result.out) == (3, "")
    assert "the disk is full" in result.err
    assert "3 left undone" in result.err
    assert names(tmp_path / "out") == []


def test_an_interrupted_run_of_json_lines_still_has_its_summary(contextgen, tiny, scene, tmp_path, monkeypatch):
    def interrupt(*arguments: object, **settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("contextgen_cli.batch.worker.write", interrupt)
    result = contextgen("render", scene, *tiny, "-o", tmp_path / "out", "--json")
    assert result.code == 130
    assert [(record["type"], record["exit"]) for record in result.records] == [("summary", 130)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(contextgen, tiny, scene, tmp_path):
    (tmp_path / "out").mkdir(mode=0o555)
    result = contextgen("render", scene, *tiny, "-o", tmp_path / "out")
    assert result.code == 3
    assert "permission denied" in result.err


def test_an_output_that_is_a_file(contextgen, tiny, scene, tmp_path):
    (tmp_path / "out").write_text("")
    result = contextgen("render", scene, *tiny, "-o", tmp_path / "out")
    assert result.code == 3
    assert "it is a file" in result.err


@pytest.mark.parametrize(("mode", "events"), [("json", True), ("none", False), ("plain", False)])
def test_progress_modes(contextgen, tiny, scene, tmp_path, mode, events):
    result = contextgen("render", scene, *tiny, "-o", tmp_path / "out", "--progress", mode)
    found = [json.loads(line)["type"] for line in result.err.splitlines() if line.startswith("{")]
    assert found == (["started", "job_started", "step", "job_finished"] if events else [])
    assert ("[1/1]" in result.err) is (mode == "plain")


def test_progress_counts_steps(contextgen, tiny, scene, tmp_path):
    result = contextgen(
        "render", scene, *with_options(tiny, "--steps", 3), "-o", tmp_path / "out", "--progress", "json"
    )
    events = [json.loads(line) for line in result.err.splitlines() if line.startswith("{")]
    assert [event["step"] for event in events if event["type"] == "step"][-1] == 3


def test_quiet_says_nothing(contextgen, tiny, scene, tmp_path):
    result = contextgen("render", scene, *tiny, "-o", tmp_path / "out", "-q")
    assert result.err == ""
    assert len(result.lines) == 1


def render_process(*arguments: object, **settings) -> subprocess.Popen:
    command = [sys.executable, "-m", "contextgen_cli", "render", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings)


def test_one_picture_to_standard_output_and_nothing_of_the_libraries(scene, tiny):
    out, err = render_process(scene, *tiny, "-o", "-", "-q").communicate(timeout=DEADLINE)
    with Image.open(io.BytesIO(out)) as picture:
        assert picture.size == (128, 96)
    assert err == b""


@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_leaves_nothing_half_way(tmp_path, tiny, number):
    path = write_scene(tmp_path / "s.yaml", seed=0, count=500)
    process = render_process(path, *tiny, "-o", tmp_path / "out")
    wait_until(lambda: list(tmp_path.glob("out/s-1.png")) or process.poll() is not None, "the second picture")
    process.send_signal(number)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert b"interrupted" in err
    assert b"Traceback" not in err
    pictures = names(tmp_path / "out")
    assert 2 <= len(pictures) < 500
    for picture in pictures:
        with Image.open(tmp_path / "out" / picture) as image:
            image.load()


@pytest.mark.parametrize(("card", "warned"), [(None, True), ("{}", False), ('{"mag_ratios": [1.0]}', True)])
def test_a_base_model_without_adapter_is_painted_with_a_warning(contextgen, scene, tmp_path, card, warned):
    folder = Path(shutil.copytree(TINY_MODEL, tmp_path / "base"))
    if card is not None:
        (folder / "contextgen.json").write_text(card)
    result = contextgen("render", scene, "--model", folder, "--device", "cpu", "--steps", 1, "-o", tmp_path / "out")
    assert result.code == 0
    assert ("no adapter is given" in result.err) is warned
