"""Tests lie as the sources do: every module has a test file of its name, or the table says where its tests are."""

from __future__ import annotations

from pathlib import Path

import pytest
from sources import SOURCES, Source

TESTS = Path(__file__).parents[1]

# Modules that are tested with those that use them; a test file of their own takes them off the list.
TESTED_IN = {
    "app/test_render.py": "app.cancellation app.listener app.planned_run",
    "app/test_replay.py": "app.comparison app.recall",
    "backends/test_adapters.py": "backends.flux_kontext.lora",
    "backends/test_backend.py": "backends.base backends.choices backends.families backends.flux_kontext.flux_numerics",
    "backends/test_codec.py": "codec",
    "backends/test_golden.py": "backends.flux_kontext.attention.masked_attention backends.flux_kontext.velocity",
    "backends/test_pretrained.py": "backends.library_noise",
    "backends/test_quantizing.py": "backends.unsupported",
    "batch/hosts/test_sealing.py": "batch.hosts.torch_store",
    "batch/ray_engine/test_ray_supervisor.py": "batch.ray_engine.cluster batch.ray_engine.engine "
    "batch.ray_engine.ray_rank",
    "batch/test_hosts.py": "batch.hosts.followers batch.serialization",
    "batch/test_job_store.py": "batch.local_store batch.ray_engine.ray_store",
    "batch/test_ranks.py": "batch.crashes batch.rank batch.resume",
    "batch/test_worker.py": "terminal.progress",
    "commands/test_bench.py": "app.bench",
    "commands/test_bench_calibrate.py": "app.calibrate",
    "commands/test_clean.py": "batch.known_pictures records.outdated",
    "commands/test_compose.py": "terminal.previews",
    "commands/test_data.py": "app.data",
    "commands/test_data_check.py": "app.imig.imig_check commands.shared.data_output report.samples_page",
    "commands/test_data_fetch.py": "app.imig.imig_fetch app.imig.imig_plan app.imig.imig_sources",
    "commands/test_environment.py": "commands.doctor models.nvml",
    "commands/test_help.py": "cli commands.shared.options commands.shared.other_words",
    "commands/test_init.py": "scene.photo_scene",
    "commands/test_mini.py": "commands.models",
    "commands/test_render.py": "commands.shared.render_options commands.shared.run_output "
    "commands.shared.scene_arguments models.renderer",
    "batch/test_claims.py": "records.state_folder",
    "commands/test_replay.py": "records.inputs",
    "commands/test_report.py": "report.contact_sheet report.entries report.page report.replay_command "
    "report.thumbnails",
    "commands/test_train.py": "app.train app.training_file terminal.training_progress",
    "data/test_imig.py": "data.imig.imig_dataset data.imig.imig_files data.imig.imig_layout data.imig.imig_pieces "
    "data.imig.imig_records data.imig.imig_release data.imig.imig_writing",
    "data/test_scenery.py": "data.scenery.backgrounds data.scenery.brushes data.scenery.indoors "
    "data.scenery.landscapes data.scenery.outdoors",
    "data/test_stream.py": "data.example data.variations",
    "data/test_synthetic_scenes.py": "data.hints",
    "evaluation/test_benchmark.py": "evaluation.cases",
    "evaluation/test_registry.py": "evaluation.extent",
    "evaluation/test_systems.py": "method.ablations",
    "evaluation/test_synthetic_benchmark.py": "evaluation.synthetic.comparisons evaluation.synthetic.listing",
    "models/test_error_translation.py": "errors",
    "models/test_untrusted_folders.py": "backends.flux_kontext.components.configurations "
    "backends.flux_kontext.components.demands backends.flux_kontext.components.settings "
    "backends.flux_kontext.components.tokenizers",
    "models/test_memory_reduction.py": "models.numerics",
    "records/test_image_digests.py": "scene.stamps",
    "records/test_output.py": "records.unwritable",
    "rules/test_packaging.py": "resources",
    "rules/test_schema_defaults.py": "scene.limits",
    "scene/check/test_bad_scenes.py": "scene.check.checks scene.check.image_checks "
    "scene.check.model_checks scene.check.quoting scene.check.schema scene.check.suggestions",
    "scene/imports/readers/annotations/test_coco.py": "scene.imports.annotated scene.imports.outlines "
    "scene.imports.picture_search",
    "scene/imports/readers/annotations/test_label_studio.py": "scene.imports.run_lengths scene.imports.shapes",
    "scene/imports/readers/annotations/test_labelme.py": "scene.imports.small_masks",
    "scene/imports/readers/annotations/test_xml_formats.py": "scene.imports.readers.annotations.cvat "
    "scene.imports.readers.annotations.pascal_voc",
    "scene/imports/readers/layouts/test_layout_benchmarks.py": "scene.imports.described "
    "scene.imports.readers.layouts.creatilayout scene.imports.readers.layouts.instance_diffusion "
    "scene.imports.readers.layouts.lamic_inputs scene.imports.readers.layouts.lamic_layouts "
    "scene.imports.readers.layouts.layoutsam scene.imports.readers.layouts.mig",
    "scene/imports/readers/layouts/test_segment_info.py": "scene.imports.foreign_values scene.imports.pictured",
    "scene/imports/test_formats.py": "commands.import_ scene.imports.documents scene.imports.fitting "
    "scene.imports.imported",
    "scene/parse/test_robustness.py": "scene.parse.nodes scene.parse.scalars",
    "scene/parse/test_missing_files.py": "scene.parse.odd_letters",
    "scene/test_loader.py": "scene.naming scene.parse.assignments scene.parse.finding scene.scene",
    "scene/test_scene_commands.py": "commands.validate scene.drafting",
    "terminal/test_streams.py": "__main__",
    "training/test_flow_objective.py": "training.objectives.objective",
    "weights/test_card.py": "method.method_card",
    "weights/test_checkpoints.py": "weights.checkpoint_errors weights.model_folder weights.safetensors_files",
}
ELSEWHERE = {module: file for file, modules in TESTED_IN.items() for module in modules.split()}
MODULES = [source for source in SOURCES if source.path.stem != "__init__"]


def inside(source: Source) -> str:
    """The name below its distribution: `scene.parse.matrix`."""
    return source.name.partition(".")[2]


def has_its_own(source: Source) -> bool:
    """Whether `test_<name>.py` lies in the mirrored folder, or above it within the tests of the same package."""
    folders = inside(source).split(".")[:-1]
    above = [TESTS.joinpath(*folders[:depth]) for depth in range(min(1, len(folders)), len(folders) + 1)]
    return any((folder / f"test_{source.path.stem}.py").is_file() for folder in above)


@pytest.mark.parametrize("source", MODULES, ids=lambda source: source.name)
def test_every_module_has_its_tests(source: Source) -> None:
    assert has_its_own(source) or inside(source) in ELSEWHERE, (
        "write a test file of its name, or say where its tests are"
    )


def test_the_table_names_what_is_there_and_nothing_that_has_tests_of_its_own() -> None:
    assert [file for file in TESTED_IN if not (TESTS / file).is_file()] == []
    assert set(ELSEWHERE) - {inside(source) for source in MODULES} == set()
    assert [source.name for source in MODULES if has_its_own(source) and inside(source) in ELSEWHERE] == []
    assert len(ELSEWHERE) == sum(len(modules.split()) for modules in TESTED_IN.values()), "a module stands there twice"
