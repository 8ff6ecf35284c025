"""`contextgen models` and `contextgen doctor`."""

from __future__ import annotations

from painting import TINY_ADAPTER, TINY_MODEL


def test_models_tell_size_and_licences_apart(contextgen):
    text = contextgen("models").out
    for said in ("kontext:", "size: 37.7 GB", "licence of the code: MIT", "licence of the base:", "adapter:"):
        assert said in text
    *models, summary = contextgen("models", "--json").records
    (record,) = [record for record in models if record["name"] == "kontext"]
    assert summary == {"type": "summary", "models": len(models), "exit": 0}
    assert record["type"] == "model"
    assert set(record["licences"]) == {"code", "base", "adapter"}


def test_doctor_shows_what_there_is_and_no_token(contextgen, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    result = contextgen("doctor", "--model", TINY_MODEL)
    assert result.code == 0
    for said in (
        "version torch",
        "device cpu",
        "hub cache",
        "token: present",
        "would load",
        "takes the layout as context",
    ):
        assert said in result.out
    assert "hf_secret" not in result.out + result.err


def test_doctor_exits_with_3_where_the_model_would_not_load(contextgen, tmp_path):
    result = contextgen("doctor", "--model", tmp_path, "--json")
    assert result.code == 3
    *findings, summary = result.records
    assert any("model_index.json is missing" in finding["value"] for finding in findings)
    assert summary == {"type": "summary", "can_render": False, "exit": 3}


def test_doctor_warns_a_person_too(contextgen, tmp_path):
    assert "cannot render here: fetch a model" in contextgen("doctor", "--model", tmp_path).err


def test_doctor_holds_an_adapter_against_the_model(contextgen, tmp_path):
    fits = contextgen("doctor", "--model", TINY_MODEL, "--adapter", TINY_ADAPTER)
    assert (fits.code, f"fits {TINY_MODEL}" in fits.out) == (0, True)
    foreign = contextgen("doctor", "--model", "mini", "--adapter", TINY_ADAPTER, "--json")
    assert foreign.code == 3
    *findings, summary = foreign.records
    (finding,) = [each for each in findings if each["name"].startswith("adapter")]
    assert finding["ok"] is False and "in the model and" in finding["value"]
    assert summary["can_render"] is False
    missing = contextgen("doctor", "--model", TINY_MODEL, "--adapter", tmp_path / "none")
    assert (missing.code, "neither a file, nor a folder, nor a hub id" in missing.out) == (3, True)


def test_doctor_finds_numbers_in_an_adapter_that_are_none(contextgen, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    (source,) = TINY_ADAPTER.glob("*.safetensors")
    tensors = load_file(source)
    next(iter(tensors.values())).view(-1)[0] = torch.nan
    save_file(tensors, tmp_path / source.name)
    done = contextgen("doctor", "--model", TINY_MODEL, "--adapter", tmp_path / source.name)
    assert (done.code, "NaN or infinity" in done.out) == (3, True)


def test_doctor_asks_for_the_model_of_an_adapter(contextgen):
    assert "name its model with --model" in contextgen("doctor", "--adapter", TINY_ADAPTER).out
