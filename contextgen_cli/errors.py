"""The errors a user can meet, split by who must act. Anything else that escapes is a bug (exit 70).

ContextgenError
├── SceneError            edit the scene file                              exit 2
├── UsageError            change the command line                          exit 2
├── EnvironmentProblem    something around the run is not as it must be    exit 3
│   ├── WeightsError      fix or fetch the model's files
│   ├── DeviceError       use another device, dtype or memory preset
│   │   └── DeviceLost    nothing works on it any more in this process; in a new one it may
│   └── OutputError       make room or give permission
└── JobError              one picture failed, the others went on           exit 1
    └── OutOfMemory       it is tried once more with less in use

Ctrl-C and SIGTERM arrive as KeyboardInterrupt, which no job may swallow           exit 130
└── Cancelled             whoever began a run asked it to stop
"""

from __future__ import annotations

from collections.abc import Callable

EXIT_DONE, EXIT_JOBS_FAILED, EXIT_USAGE, EXIT_ENVIRONMENT, EXIT_BUG, EXIT_INTERRUPTED = 0, 1, 2, 3, 70, 130


class ContextgenError(Exception):
    """An error the user can do something about: `message` says what is wrong, `hint` what to do.

    A hint that has to be looked for may be given as a function: it is called when the hint is asked for.
    """

    exit_code = EXIT_BUG

    def __init__(self, message: str, *, hint: str | Callable[[], str | None] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self._hint = hint

    @property
    def hint(self) -> str | None:
        return self._hint() if callable(self._hint) else self._hint


class SceneError(ContextgenError):
    exit_code = EXIT_USAGE


class UsageError(ContextgenError):
    exit_code = EXIT_USAGE


class EnvironmentProblem(ContextgenError):
    exit_code = EXIT_ENVIRONMENT


class WeightsError(EnvironmentProblem):
    pass


class DeviceError(EnvironmentProblem):
    pass


class DeviceLost(DeviceError):
    pass


class OutputError(EnvironmentProblem):
    pass


class JobError(ContextgenError):
    exit_code = EXIT_JOBS_FAILED


class OutOfMemory(JobError):
    pass


class Cancelled(KeyboardInterrupt):
    """A run was asked to stop; it passes the borders that an interruption passes."""
