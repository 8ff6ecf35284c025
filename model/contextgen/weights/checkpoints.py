"""Find and load weights: base model, adapter, dtype. Safetensors only.

CheckpointError
├── UnknownModel        neither a folder, nor an alias, nor a hub id
├── FolderIncomplete    a part of a model folder is missing or broken
├── NotInCache          on the hub, but not here, and the network may not be used
├── GatedNoToken        the licence gate needs a hub token
├── GatedNotAccepted    the token's account has not accepted the licence
├── NoNetwork           the hub cannot be reached
├── DiskFull            the download does not fit
└── AdapterMismatch     the adapter was made for another model
"""

from __future__ import annotations

import difflib
import errno
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from contextgen.weights import headers

MODULATION = r"norm(1|1_context|_out)?\.linear\."  # the tensors of adaLN in a transformer
COMPONENTS = ("scheduler", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "transformer", "vae")
_HUB_FILES = ["model_index.json", "contextgen.json", *(f"{name}/*" for name in COMPONENTS)]


class CheckpointError(RuntimeError):
    """Weights that cannot be used. `hint` says what to do about it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class UnknownModel(CheckpointError):
    pass


class FolderIncomplete(CheckpointError):
    pass


class NotInCache(CheckpointError):
    pass


class GatedNoToken(CheckpointError):
    pass


class GatedNotAccepted(CheckpointError):
    pass


class NoNetwork(CheckpointError):
    pass


class DiskFull(CheckpointError):
    pass


class AdapterMismatch(CheckpointError):
    pass


@dataclass(frozen=True)
class Alias:
    """A model with a short name.

    Attributes:
        repo: where its folder is kept on the hub; None: it travels in this package, in a folder of its name.
        needs_adapter: the base alone does not know the method; an adapter must be given.
        size: of all its files, the adapter's too, in bytes; None: what the files of the package take.
        licences: of each part apart.
    """

    name: str
    repo: str | None
    description: str
    needs_adapter: bool
    size: int | None
    licences: Mapping[str, str]


DEFAULT = "mini"
ALIASES = {
    alias.name: alias
    for alias in (
        Alias(
            name="mini",
            repo=None,
            description="the embedded model: small, trained on drawings, paints in seconds on a CPU",
            needs_adapter=False,
            size=None,
            licences={
                "code": "MIT",
                "weights": "MIT",
                "training pictures": "Noto Color Emoji (SIL Open Font License 1.1) and procedural drawings (MIT)",
            },
        ),
        Alias(
            name="kontext",
            repo="black-forest-labs/FLUX.1-Kontext-dev",
            description="FLUX.1-Kontext-dev (12 B) with the released ContextGen adapter (rank 512), 512 to 1024 px",
            needs_adapter=True,
            size=34_000_000_000 + 3_700_000_000,
            licences={
                "code": "MIT",
                "base": "FLUX.1 [dev] Non-Commercial License (gated)",
                "adapter": "as its publisher states",
            },
        ),
    )
}


def find(model: str | Alias, *, offline: bool = False) -> Path:
    """The folder of a model: a path, an alias or a hub id, whichever it is.

    Raises:
        CheckpointError: the subclass tells what is missing.
    """
    if isinstance(model, str) and (folder := Path(model).expanduser()).is_dir():
        check_folder(folder)
        return folder
    match ALIASES.get(model, model) if isinstance(model, str) else model:
        case Alias(repo=None, name=name):
            folder = Path(str(files("contextgen"))) / name
        case Alias(repo=str(repo)) | str(repo):
            folder = _from_hub(_hub_id(repo), _HUB_FILES, offline)
    check_folder(folder)
    return folder


def find_adapter(adapter: str, *, offline: bool = False) -> Path:
    """The folder (or single file) of an adapter: a path or a hub id.

    Raises:
        CheckpointError: the subclass tells what is missing.
    """
    if (path := Path(adapter).expanduser()).exists():
        adapter_files(path)
        return path
    if not _is_hub_id(adapter):
        raise UnknownModel(
            f"the adapter {adapter!r} is neither a file, nor a folder, nor a hub id",
            "Give the folder with its *.safetensors, one such file, or a hub id of the form owner/name.",
        )
    folder = _from_hub(adapter, ["*.safetensors", "**/*.safetensors"], offline)
    adapter_files(folder)
    return folder


def check_folder(folder: Path) -> None:
    """Refuse a diffusers folder of which a part is missing, truncated or pickled, before anything loads.

    Raises:
        FolderIncomplete: names the part.
    """
    if not (folder / "model_index.json").is_file():
        raise FolderIncomplete(
            f"{folder} is no model folder: model_index.json is missing",
            "Give the folder that holds model_index.json, transformer/, vae/ and the text encoders.",
        )
    for name in COMPONENTS:
        if problem := _component_problem(folder / name):
            raise FolderIncomplete(
                f"{folder}: {name}: {problem}", "Fetch the folder again, or copy the part that is missing."
            )


def adapter_files(path: Path) -> list[Path]:
    """The safetensors of an adapter given as a file or a folder.

    Raises:
        FolderIncomplete: there is none, or one is truncated.
    """
    files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
    if not files:
        raise FolderIncomplete(
            f"the adapter folder {path} has no *.safetensors",
            "Give the folder that directly holds the adapter's file.",
        )
    for file in files:
        if problem := headers.problem(file):
            raise FolderIncomplete(f"{file}: {problem}", "Fetch the adapter again.")
    return files


def digest(path: Path, sha256: Callable[[Path], str] | None = None) -> str:
    """SHA-256 over the names and contents of a model's or adapter's files, as hexadecimal.

    Args:
        sha256: the SHA-256 of one file, for those who remember some; None reads every file.
    """
    sha256 = sha256 or sha256_of
    total = hashlib.sha256()
    for file in _files(path):
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        total.update(f"{name}\0{sha256(file)}\n".encode())
    return total.hexdigest()


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file's content; a blob of the hub cache bears it as its name."""
    if re.fullmatch("[0-9a-f]{64}", (blob := file.resolve()).name) and blob.parent.name == "blobs":
        return blob.name
    state = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 22):
            state.update(chunk)
    return state.hexdigest()


def folder_bytes(folder: Path) -> int:
    """Bytes that the files of a model take on the disk."""
    return sum(file.stat().st_size for file in _files(folder))


def weight_bytes(folder: Path, component: str, name: str = "") -> dict[str, int]:
    """Bytes of a component's tensors by their stored dtype (`F32`, `BF16`, ...), read from the headers.

    Args:
        name: a regular expression; only tensors with such a part in their name count.
    """
    sizes: dict[str, int] = {}
    for file in sorted((folder / component).glob("*.safetensors")):
        tensors = headers.header(file).items()
        for tensor in (tensor for key, tensor in tensors if re.search(name, key)):
            start, end = tensor["data_offsets"]
            sizes[tensor["dtype"]] = sizes.get(tensor["dtype"], 0) + end - start
    return sizes


def _hub_id(name: str) -> str:
    if _is_hub_id(name):
        return name
    near = difflib.get_close_matches(name, ALIASES, n=1)
    guess = f"Did you mean {near[0]!r}? " if near else ""
    raise UnknownModel(
        f"{name!r} is neither a folder, nor an alias, nor a hub id",
        f"{guess}Aliases: {', '.join(ALIASES)}. A hub id has the form owner/name.",
    )


def _is_hub_id(name: str) -> bool:
    owner, slash, rest = name.partition("/")
    return bool(owner and slash and rest) and "/" not in rest and not name.startswith((".", "~", "/"))


def _from_hub(repo: str, patterns: list[str], offline: bool) -> Path:
    """A snapshot of a hub repository; the cache is asked first, the network only if it may be."""
    from huggingface_hub import get_token, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    try:
        return Path(snapshot_download(repo, allow_patterns=patterns, local_files_only=offline))
    except GatedRepoError:
        page = f"https://huggingface.co/{repo}"
        if get_token() is None:
            raise GatedNoToken(
                f"{repo} is behind a licence gate and no hub token is set",
                f"Accept the licence at {page}, then run `hf auth login`.",
            ) from None
        raise GatedNotAccepted(
            f"{repo} is behind a licence gate that your hub account has not passed",
            f"Accept the licence at {page}.",
        ) from None
    except RepositoryNotFoundError:
        raise UnknownModel(
            f"the hub has no model {repo}", "Check the spelling; a private model needs a token."
        ) from None
    except (LocalEntryNotFoundError, OfflineModeIsEnabled):
        if offline:
            raise NotInCache(
                f"{repo} is not in the hub cache, and --offline forbids fetching it",
                f"Fetch it once with the network on: `hf download {repo}`; or give a local folder.",
            ) from None
        raise _no_network(repo) from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(
                f"the disk filled up while {repo} was fetched",
                "Make room, or point HF_HOME at a larger disk; the download goes on where it stopped.",
            ) from None
        raise _no_network(repo) from error


def _no_network(repo: str) -> NoNetwork:
    return NoNetwork(
        f"the hub cannot be reached to fetch {repo}",
        "Check the network, or give a local folder; with --offline only the cache is searched.",
    )


def _component_problem(folder: Path) -> str | None:
    if not folder.is_dir():
        return "the folder is missing"
    if folder.name.startswith("tokenizer"):
        known = ("tokenizer.json", "vocab.json", "spiece.model")
        return None if any((folder / name).is_file() for name in known) else f"none of {', '.join(known)} is there"
    config = folder / ("scheduler_config.json" if folder.name == "scheduler" else "config.json")
    if not config.is_file():
        return f"{config.name} is missing"
    try:
        json.loads(config.read_text(encoding="utf-8"))
    except ValueError as error:
        return f"{config.name} is not JSON: {error}"
    return None if folder.name == "scheduler" else _weights_problem(folder)


def _weights_problem(folder: Path) -> str | None:
    files = set(folder.glob("*.safetensors"))
    for index in folder.glob("*.safetensors.index.json"):
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        if missing := sorted(shards - {file.name for file in files}):
            return f"{missing[0]} is missing"
    if not files:
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        return "its weights are pickled; only safetensors are loaded" if pickled else "no *.safetensors is there"
    return next((f"{file.name}: {problem}" for file in sorted(files) if (problem := headers.problem(file))), None)


def _files(path: Path) -> Iterable[Path]:
    if path.is_file():
        return [path]
    parts = [path / name for name in COMPONENTS if (path / name).is_dir()] or [path]
    loose = [path / name for name in ("contextgen.json", "model_index.json") if (path / name).is_file()]
    return sorted(
        {
            *loose,
            *(file for part in parts for file in part.iterdir() if file.suffix != ".md" and file.is_file()),
        }
    )
