"""Which pictures an output folder has, whatever they are called, and which of them a job's own takes the place of."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path, PurePosixPath

from contextgen_cli.batch.ledger import RENDERED, Attempt, Ledger
from contextgen_cli.batch.plan import Job, Plan
from contextgen_cli.records.output import ID_LETTERS, Destination, is_companion
from contextgen_cli.records.picture_file import job_of


class KnownPictures:
    """The pictures of a destination, as seen by a plan: first where the ledger says, then by what they remember."""

    def __init__(self, plan: Plan, destination: Destination, past: Ledger) -> None:
        self._folder, self._embed_record = destination.folder, destination.embed_record
        self._keeps_several = destination.keeps_ledger
        self._jobs = {job.id for job in plan.jobs}
        self._own_names = {f"{job.name}.png": job.id for job in plan.jobs}
        self._past = past

    def elsewhere(self, job: Job) -> Path | None:
        """A job's picture that is called otherwise than it would be now; not that of an equal job of the plan, which
        has it for itself."""
        if not self._keeps_several:
            return None
        name = self._listed.get(job.id)
        if name is None or not self._holds(name, job.id):
            name = self._unlisted.get(job.id)
        return self._folder / name if name and self._own_names.get(name) != job.id else None

    def displaced_by(self, job: Job) -> tuple[tuple[str, str], ...]:
        """What is there of the same scene and seed as it was before, and is not asked for: names, with jobs' ids."""
        source = job.scene.source.digest
        if source is None or not self._embed_record or not self._keeps_several:
            return ()
        found = [self._last.get((source, job.scene.name, job.seed)), self._at_its_name(job, source)]
        kept = [each for each in found if each and each[1] not in self._jobs]
        return tuple(dict.fromkeys(kept))

    def _at_its_name(self, job: Job, source: str) -> tuple[str, str] | None:
        """A picture that has the job's name, unless it is known to be another scene's."""
        name = f"{job.name}.png"
        held = job_of(self._folder / name)
        if held is None or self._sources.get(held, source) != source:
            return None
        return name, held

    @cached_property
    def _rendered(self) -> list[tuple[str, Attempt]]:
        """The attempts that left a picture in the folder itself, each with its name."""
        return [(name, each) for each in self._past.attempts if each.outcome == RENDERED and (name := _plain(each))]

    @cached_property
    def _listed(self) -> dict[str, str]:
        """The name that each job's picture got last."""
        return {each.job: name for name, each in self._rendered}

    @cached_property
    def _sources(self) -> dict[str, str]:
        return {each.job: each.source for _, each in self._rendered if each.source}

    @cached_property
    def _last(self) -> dict[tuple[str, str, int], tuple[str, str]]:
        """The last picture of each scene file, scene and seed."""
        return {(each.source, each.scene, each.seed): (name, each.job) for name, each in self._rendered if each.source}

    @cached_property
    def _unlisted(self) -> dict[str, str]:
        """Pictures that the ledger does not know by their name, as somebody has renamed or copied them."""
        listed = set(self._listed.values())
        others = [path for path in self._folder.glob("*.png") if path.name not in listed and not is_companion(path)]
        return {job: path.name for path in others if (job := job_of(path))}

    def _holds(self, name: str, job: str) -> bool:
        if self._embed_record:
            return job_of(self._folder / name) == job
        return PurePosixPath(name).stem.endswith(f"-{job[:ID_LETTERS]}")


def _plain(attempt: Attempt) -> str | None:
    """The name of its picture, if that is in the folder itself."""
    return attempt.file if attempt.file and PurePosixPath(attempt.file).name == attempt.file else None
