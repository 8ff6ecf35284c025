"""A model folder -> its family, by the entry points of the group `contextgen.backends`: name = `_class_name`.

Any installed package can bring one (docs/adding-a-model.md); ours are found in the same way.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from contextgen.backends.base import Backend
from contextgen.weights.checkpoint_errors import FolderIncomplete, UnknownModel
from contextgen.weights.json_files import short
from contextgen.weights.model_folder import read_index

GROUP = "contextgen.backends"


def backend_of(folder: Path) -> Backend:
    """The family of a model folder, made for it.

    Raises:
        FolderIncomplete: the folder does not say what it is.
        UnknownModel: it is of a family that is not installed.
    """
    return family_of(class_name(folder), str(folder))(folder)


def family_of(kind: str, of: str) -> type[Backend]:
    """The family of folders whose `_class_name` is `kind`; `of` is what is asked about, for the error.

    Raises:
        UnknownModel: it is not installed.
    """
    found = _installed().get(kind)
    if found is None:
        known = ", ".join(sorted(_installed())) or "none: install contextgen, do not only import it"
        raise UnknownModel(
            f"{of}: no installed family of models paints with a {kind}",
            f"Families are known here by the names {known}; a package can bring another.",
        )
    try:
        family: type[Backend] = found.load()
    except (ImportError, AttributeError, SyntaxError) as problem:
        raise UnknownModel(
            f"{of}: {found.value}, which paints with a {kind}, cannot be imported: {problem}",
            f"Mend or remove the package {found.dist.name if found.dist else found.module}.",
        ) from problem
    return family


def class_name(folder: Path) -> str:
    """What the folder's index says it is.

    Raises:
        FolderIncomplete: there is no index, or it does not say.
    """
    index, stated = read_index(folder)
    kind = stated.get("_class_name")
    if not isinstance(kind, str):
        raise FolderIncomplete(
            f"{index}: does not say what it is: `_class_name` is {short(kind)}",
            "Fetch the folder again: the name of a class belongs there.",
        )
    return kind


def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
