"""A model's or adapter's name -> its files: a path, an alias, or a hub id."""

from __future__ import annotations

import contextlib
import difflib
import errno
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from contextgen.weights.adapter_folder import (
    CONFIG_FILE,
    adapter_place,
    adapter_tensors,
    directly_or_below,
    latest_step,
)
from contextgen.weights.card import CARD_FILE
from contextgen.weights.checkpoint_errors import (
    AdapterMissing,
    DiskFull,
    GatedNotAccepted,
    GatedNoToken,
    NoNetwork,
    NotInCache,
    SingleFile,
    UnknownModel,
)
from contextgen.weights.model_folder import INDEX_FILES, check_folder, components


@dataclass(frozen=True)
class Alias:
    """A model with a short name.

    Attributes:
        repo: where its folder is kept on the hub; None: it travels in this package, in a folder of its name.
        kind: the `_class_name` of its folder, which says its family.
        adapter: hub id of the one that its base needs to know the method; None: it knows the method itself.
        size: of all its files, the adapter's too, in bytes; None: what the files of the package take.
        licences: of each part apart.
    """

    name: str
    repo: str | None
    kind: str
    description: str
    adapter: str | None
    size: int | None
    licences: Mapping[str, str]


DEFAULT = "mini"
OWN_ADAPTER = "default"  # in place of an adapter's name: the one that the model's alias names
ALIASES = {
    alias.name: alias
    for alias in (
        Alias(
            name="mini",
            repo=None,
            kind="ContextGenPipeline",
            description="the embedded model: small, trained on drawings, paints in seconds on a CPU",
            adapter=None,
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
            kind="FluxKontextPipeline",
            description="FLUX.1-Kontext-dev (12 B) with the released ContextGen adapter (rank 512), 512 to 1024 px",
            adapter="ruihangxu/ContextGen",
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
    """The folder of a model: an alias, a path or a hub id, whichever it is; a folder of an alias' name is `./NAME`.

    Raises:
        CheckpointError: the subclass tells what is missing.
    """
    folder = locate(model, offline=offline)
    check_folder(folder)
    return folder


def local_path(name: str) -> Path:
    """The path that a name would be, `~` expanded where there is such a home."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def locate(model: str | Alias, *, offline: bool = False) -> Path:
    """As `find`, but nothing in the folder is looked at."""
    if isinstance(model, str) and model not in ALIASES and (path := local_path(model)).exists():
        if path.is_dir():
            return path
        raise _single_file(path)
    match ALIASES.get(model, model) if isinstance(model, str) else model:
        case Alias(repo=None, name=name):
            return Path(str(files("contextgen"))) / name
        case Alias(repo=str(repo)) | str(repo):
            return _model_from_hub(_hub_id(repo), offline)
    raise AssertionError(model)


def adapter_named(adapter: str, model: str | Alias) -> str:
    """An adapter's path or hub id; of `default` the one that the model's alias names.

    Raises:
        AdapterMissing: it names none.
    """
    if adapter != OWN_ADAPTER:
        return adapter
    alias = ALIASES.get(model) if isinstance(model, str) else model
    if alias is not None and alias.adapter is not None:
        return alias.adapter
    raise AdapterMissing(
        f"{model if alias is None else alias.name} has no adapter of its own, which {OWN_ADAPTER!r} stands for",
        f"Give a folder, a file or a hub id; a folder of that name is ./{OWN_ADAPTER}.",
    )


def find_adapter(adapter: str, *, offline: bool = False) -> Path:
    """The file or folder of an adapter given as a path or a hub id: of several steps the highest, one folder down too.

    Raises:
        CheckpointError: the subclass tells what is missing.
    """
    if (path := local_path(adapter)).exists():
        place = adapter_place(path)
    elif _is_hub_id(adapter):
        place = adapter_place(_adapter_from_hub(adapter, offline))
    else:
        raise UnknownModel(
            f"the adapter {adapter!r} is neither a file, nor a folder, nor a hub id",
            "Give the folder with its *.safetensors, one such file, or a hub id of the form owner/name.",
        )
    adapter_tensors(place)
    return place


_CONVERT_IT = (
    "Convert it once with diffusers: FluxKontextPipeline.from_single_file(FILE).save_pretrained(FOLDER), "
    "then give --model FOLDER. A LoRA is given with --adapter."
)
_NOT_QUANTIZED = "GGUF holds weights that are quantized already: take the model's bfloat16, and --quantize later. "


def _single_file(path: Path) -> SingleFile:
    return SingleFile(
        f"{path} is a file, and a model is a folder in diffusers' format: single files are not read",
        _NOT_QUANTIZED * (path.suffix == ".gguf") + _CONVERT_IT,
    )


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


def _model_from_hub(repo: str, offline: bool) -> Path:
    """A model's snapshot: its index first, then the components that the index names."""
    small = [*INDEX_FILES, CARD_FILE]
    folder = _from_hub(repo, small, offline)
    if not any((folder / name).is_file() for name in INDEX_FILES):
        return folder
    return _from_hub(repo, [*small, *(f"{name}/*" for name in components(folder))], offline)


def _adapter_from_hub(repo: str, offline: bool) -> Path:
    """A snapshot with an adapter, or the one of its files that is meant: of several steps only the highest is fetched.

    What is small comes first, and says whether the repository can be had at all.
    """
    folder = _from_hub(repo, [CONFIG_FILE, "README.md"], offline)
    names = directly_or_below(_safetensors_of(repo, folder, offline))
    if not names and offline:
        raise _not_in_cache(repo)
    latest = latest_step(names)
    folder = _from_hub(repo, names if latest is None else [latest], offline)
    return folder / names[0] if len(names) == 1 else folder if latest is None else folder / latest


def _safetensors_of(repo: str, folder: Path, offline: bool) -> list[str]:
    """Those of a hub repository; of its snapshot here where the hub may not or cannot be asked."""
    from huggingface_hub import list_repo_files

    if not offline:
        with contextlib.suppress(Exception):  # which differ with the HTTP library; what is here may do
            return [name for name in list_repo_files(repo) if name.endswith(".safetensors")]
    return [file.relative_to(folder).as_posix() for file in folder.rglob("*.safetensors")]


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
            raise _not_in_cache(repo) from None
        raise _no_network(repo) from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull(
                f"the disk filled up while {repo} was fetched",
                "Make room, or point HF_HOME at a larger disk; the download goes on where it stopped.",
            ) from None
        raise _no_network(repo) from error


def _not_in_cache(repo: str) -> NotInCache:
    return NotInCache(
        f"{repo} is not in the hub cache, and --offline forbids fetching it",
        f"Fetch it once with the network on: `hf download {repo}`; or give a local folder.",
    )


def _no_network(repo: str) -> NoNetwork:
    return NoNetwork(
        f"the hub cannot be reached to fetch {repo}",
        "Check the network, or give a local folder; with --offline only the cache is searched.",
    )
