"""The libraries beneath us: their errors -> ours, by a table of class names, so that none need be imported."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import traceback
from collections.abc import Callable

from contextgen_cli.errors import (
    ContextgenError,
    DeviceError,
    DeviceLost,
    EnvironmentProblem,
    JobError,
    OutOfMemory,
    OutputError,
    UsageError,
    WeightsError,
)

Translation = Callable[[Exception], ContextgenError]

TRY_LESS_MEMORY = "Try --memory offload, --dtype bfloat16 or a smaller --size."
_ALLOCATION_FAILURES = ("can't allocate memory", "out of memory", "not enough memory")


class Border(contextlib.AbstractContextManager[None]):
    """A block whose foreign errors leave as ours; what the table does not know leaves as it is, a bug."""

    def __init__(self, table: dict[str, Translation]) -> None:
        self._table = table

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, ContextgenError):
            translation = _find(error, self._table)
            if translation is not None:
                raise translation(error) from error


def quieten() -> None:
    """No bars and banners of theirs on the terminal; their warnings go to the log, which -v shows."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import diffusers.utils.logging as diffusers_logging
    import transformers.utils.logging as transformers_logging

    for theirs in (diffusers_logging, transformers_logging):
        theirs.disable_progress_bar()
        theirs.disable_default_handler()
        theirs.enable_propagation()


def opening() -> Border:
    """Translate what goes wrong while a model is found and opened."""
    return Border(_OPENING)


def painting() -> Border:
    """Translate what goes wrong with one picture."""
    return Border(_PAINTING)


def training() -> Border:
    """Translate what goes wrong with a training run."""
    return Border(_TRAINING)


def fetching() -> Border:
    """Translate what goes wrong while a data set is fetched from the hub."""
    return Border(_FETCHING)


def _find(error: Exception, table: dict[str, Translation]) -> Translation | None:
    no_room = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if no_room or f"(os error {errno.ENOSPC})" in str(error):  # as safetensors says it
        return _disk_full
    if isinstance(error, RuntimeError) and any(words in str(error) for words in _ALLOCATION_FAILURES):
        return table["OutOfMemoryError"]
    names = (kind.__name__ for kind in type(error).__mro__)
    return next((table[name] for name in names if name in table), None)


def _checkpoint(error: Exception) -> ContextgenError:
    return WeightsError(str(error), hint=getattr(error, "hint", None))


def _unsupported(error: Exception) -> ContextgenError:
    return EnvironmentProblem(str(error), hint=getattr(error, "hint", None))


def _malformed_card(error: Exception) -> ContextgenError:
    return WeightsError(str(error), hint="Correct the file: the guide says which keys a card has.")


def _not_offered(error: Exception) -> ContextgenError:
    return UsageError(str(error), hint=getattr(error, "hint", None))


def _hub(error: Exception) -> ContextgenError:
    return WeightsError(
        f"the model hub answered: {_first_line(error)}",
        hint="Check the name and the network, or give a local folder with --model.",
    )


def _no_set(error: Exception) -> ContextgenError:
    return EnvironmentProblem(
        f"the hub answered: {_first_line(error)}",
        hint="Run the same command again: it goes on where it stopped. --from DIR takes archives that are here.",
    )


def _unreached(error: Exception) -> ContextgenError:
    return EnvironmentProblem(
        f"the hub cannot be reached: {_first_line(error)}",
        hint="Look at the network (and HF_HUB_OFFLINE), then run the same command again: it goes on where it stopped. "
        "--from DIR takes archives that are here.",
    )


def _unwritten(error: Exception) -> ContextgenError:
    if not isinstance(error, OSError) or error.filename is None:
        return _unreached(error)
    return OutputError(f"{error.filename}: {(error.strerror or type(error).__name__).lower()}")


def _broken_weights(error: Exception) -> ContextgenError:
    return WeightsError(
        f"the model could not be opened: {_first_line(error)}",
        hint="Compare the folder with its source, or fetch it again; `contextgen doctor` looks at each part.",
    )


def _unopened(error: Exception) -> ContextgenError:
    """Whatever it was, every other job of this model would meet it too."""
    logging.getLogger(__name__).info("".join(traceback.format_exception(error)))
    return EnvironmentProblem(
        f"the model could not be opened: {type(error).__name__}: {_first_line(error)}",
        hint="Look at the installation, for example with `contextgen doctor`; -v shows where it happened.",
    )


def _too_large(error: Exception) -> ContextgenError:
    return DeviceError("the model does not fit into the device's memory", hint=TRY_LESS_MEMORY)


def _lost_device(error: Exception) -> ContextgenError:
    return DeviceLost(
        f"the device gave up: {_first_line(error)}", hint="The same command goes on; the system's log may say why."
    )


def _too_large_a_job(error: Exception) -> ContextgenError:
    return OutOfMemory("not enough device memory for this picture", hint=TRY_LESS_MEMORY)


def _disk_full(error: Exception) -> ContextgenError:
    place = getattr(error, "filename", None)
    where = f" at {place}" if place else ""
    return OutputError(f"the disk is full{where}", hint="Make room, or set HF_HOME to a larger disk.")


def _broken_contract(error: Exception) -> ContextgenError:
    return JobError(str(error))


def _diverged(error: Exception) -> ContextgenError:
    return JobError(
        f"the training went wrong: {error}",
        hint="The last checkpoint is from before. Try a lower rate, a longer warm-up or a smaller clip, with --fresh.",
    )


def _not_finite(error: Exception) -> ContextgenError:
    return JobError(
        f"no picture came out: {error}", hint="Try --dtype float32 or bfloat16, and without approximations."
    )


def _no_sample(error: Exception) -> ContextgenError:
    hint = "Look at the losses of the run; without `samples` it goes on from its last checkpoint."
    return JobError(f"a sample could not be painted: {error}", hint=hint)


def _changed_config(error: Exception) -> ContextgenError:
    hint = "Give this run an output of its own, take the changes back, or begin anew with --fresh."
    return UsageError(str(error), hint=hint)


def _missing_extra(error: Exception) -> ContextgenError:
    package = str(getattr(error, "name", None) or "that it imports").split(".")[0]
    hint = "Install what training needs: pip install 'contextgen[train]'."
    return EnvironmentProblem(f"the package {package} is missing", hint=hint)


def _too_large_a_batch(error: Exception) -> ContextgenError:
    hint = "Try a smaller batch with accumulate, or gradient_checkpointing: true."
    return DeviceError("not enough memory for this training", hint=hint)


def _broken_data(error: Exception) -> ContextgenError:
    """A worker process puts its whole traceback into the message; the last line says what it is."""
    return UsageError(str(error).strip().split("\n")[-1].removeprefix(f"{type(error).__name__}: "))


def _broken_place(error: Exception) -> ContextgenError:
    """Of a run's own files and folders the system says which, and why."""
    if not isinstance(error, OSError) or error.errno is None or error.filename is None:
        return _broken_data(error)
    reason = (error.strerror or type(error).__name__).lower()
    return OutputError(f"{error.filename}: {reason}", hint="Look at `output` and the paths of the training file.")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__


_SHARED: dict[str, Translation] = {
    "CheckpointError": _checkpoint,
    "MalformedCard": _malformed_card,
    "NotOffered": _not_offered,
    "Unsupported": _unsupported,
    "SafetensorError": _broken_weights,
    "HfHubHTTPError": _hub,
    "LocalEntryNotFoundError": _hub,
    "OfflineModeIsEnabled": _hub,
    "HFValidationError": _hub,
}
_OPENING: dict[str, Translation] = {
    **_SHARED,
    "OutOfMemoryError": _too_large,
    "MemoryError": _too_large,
    "OSError": _broken_weights,
    "ValueError": _broken_weights,
    "Exception": _unopened,
}
_PAINTING: dict[str, Translation] = {
    **_SHARED,
    "AcceleratorError": _lost_device,
    "OutOfMemoryError": _too_large_a_job,
    "MemoryError": _too_large_a_job,
    "NotFinite": _not_finite,
    "ValueError": _broken_contract,
}
_FETCHING: dict[str, Translation] = {
    "HfHubHTTPError": _no_set,
    "HFValidationError": _no_set,
    "FileNotFoundError": _unwritten,
    "OfflineModeIsEnabled": _unreached,
    "HTTPError": _unreached,
    "OSError": _unwritten,
}
_TRAINING: dict[str, Translation] = {
    **_SHARED,
    "ChangedConfig": _changed_config,
    "Diverged": _diverged,
    "ImportError": _missing_extra,
    "OutOfMemoryError": _too_large_a_batch,
    "MemoryError": _too_large_a_batch,
    "NotFinite": _no_sample,
    "OSError": _broken_place,
    "ValueError": _broken_data,
}
