"""What there is of a plan already: which pictures are there, which jobs are set aside, which are to be done.

A job is done where its whole picture is, whatever the ledger says: the picture carries the job's id. One that failed
when it was last tried, or that took its process down twice, would do so again: it is set aside until it is asked for.
Where its files were changed or gone in the meantime, nobody is to blame, and it is tried again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from contextgen_cli.batch import ledger
from contextgen_cli.batch.known_pictures import KnownPictures
from contextgen_cli.batch.ledger import FAILED, RENDERED, Attempt, Ledger
from contextgen_cli.batch.plan import Job, Plan
from contextgen_cli.batch.worker import JobOptions, Outcome, Status, is_complete, skipped
from contextgen_cli.records.outdated import move_picture
from contextgen_cli.records.output import sweep

CRASHES_ALLOWED = 2  # the first may have been an accident


@dataclass(frozen=True)
class PlanStatus:
    """The jobs of a plan, sorted by what there is of them."""

    whole: Plan
    todo: Plan
    done: tuple[Outcome, ...] = ()
    set_aside: tuple[Outcome, ...] = ()
    crashes: Mapping[str, int] = field(default_factory=dict)  # of jobs to do that took their process down, by id
    unlisted: tuple[Outcome, ...] = ()  # of those done, which the ledger does not know
    moves: tuple[tuple[Path, Path], ...] = ()  # pictures of those done whose name another one gets, and their own
    past: Ledger = field(default_factory=Ledger)


def plan_status(plan: Plan, job_options: JobOptions) -> PlanStatus:
    """Look at every job's picture and at the ledger; nothing is written.

    Raises:
        OutputError: the ledger cannot be read.
    """
    destination = job_options.destination
    past = ledger.read(destination.folder) if destination.keeps_ledger else Ledger()
    latest, crashes = past.latest, past.crashes
    forgiving = job_options.fresh or job_options.retry_failed
    known = KnownPictures(plan, destination, past)
    whole, todo, done, set_aside = [], [], [], []
    for job in plan.jobs:
        if (outcome := skipped(job, job_options) or _elsewhere(job, job_options, known)) is not None:
            done.append(outcome)
        elif not forgiving and (reason := _against(latest.get(job.id), crashes.get(job.id, 0))) is not None:
            status = Status(reason.outcome)
            set_aside.append(Outcome(job, status, reason=reason.error, seconds=reason.seconds, earlier=True))
        else:
            job = replace(job, displaces=known.displaced_by(job))
            todo.append(job)
        whole.append(job)
    done, moves = _making_way(done, {destination.folder / f"{job.name}.png" for job in todo})
    unlisted = tuple(each for each in done if not _lists(latest, each)) if destination.keeps_ledger else ()
    counted = {} if forgiving else {job.id: crashes[job.id] for job in todo if job.id in crashes}
    return PlanStatus(
        Plan(tuple(whole)), Plan(tuple(todo)), tuple(done), tuple(set_aside), counted, unlisted, moves, past
    )


def _elsewhere(job: Job, job_options: JobOptions, known: KnownPictures) -> Outcome | None:
    """The outcome of a job whose picture has another name than it would have now."""
    if job_options.fresh or (path := known.elsewhere(job)) is None:
        return None
    return Outcome(job, Status.SKIPPED, path, renamed=True) if is_complete(path, job, job_options) else None


def _making_way(done: Sequence[Outcome], taken: Set[Path]) -> tuple[list[Outcome], tuple[tuple[Path, Path], ...]]:
    """Those done, each at its own name where its picture has one that another is about to get; and what is to move."""
    kept, moves = [], []
    for each in done:
        if each.renamed and each.path is not None and each.path in taken:
            own = each.path.with_name(f"{each.job.name}.png")
            if own not in taken and not os.path.lexists(own):
                moves.append((each.path, own))
                each = replace(each, path=own, renamed=False)
        kept.append(each)
    return kept, tuple(moves)


def tidy(status: PlanStatus, job_options: JobOptions) -> None:
    """Remove what killed processes left, add the lines that they did not come to write, let pictures make way.

    Raises:
        OutputError: the ledger cannot be written.
    """
    folder = job_options.destination.folder
    if not job_options.destination.to_stdout:
        sweep(folder)
    for path, own in status.moves:
        move_picture(path, own)
    if status.unlisted:
        ledger.append(folder, [_found(each).attempt(folder) for each in status.unlisted])


def _against(last: Attempt | None, crashes: int) -> Attempt | None:
    """The attempt that speaks against another one."""
    if last is None or last.outcome == RENDERED or not (last.error is None or last.error.blames_job):
        return None
    return last if last.outcome == FAILED or crashes >= CRASHES_ALLOWED else None


def _lists(latest: Mapping[str, Attempt], done: Outcome) -> bool:
    last = latest.get(done.job.id)
    return last is not None and last.outcome == RENDERED


def _found(outcome: Outcome) -> Outcome:
    return Outcome(outcome.job, Status.RENDERED, outcome.path)
