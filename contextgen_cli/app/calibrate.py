"""What `--cache-steps mag` must know of a model -> its card: the border to `contextgen.evaluation.mag_calibration`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from contextgen_cli.app.bench import OpenModel
from contextgen_cli.errors import UsageError, WeightsError
from contextgen_cli.models import error_translation
from contextgen_cli.records import output

if TYPE_CHECKING:
    from contextgen.evaluation.cases import Case

_DIGITS = 4
_HINT = "Write a card of your own with -o FILE, or copy the model's folder and give that with --model."


def card_to_write(model: str | None, file: Path | None) -> Path:
    """Where the ratios go: the file asked for, else the card in the model's own folder.

    Raises:
        UsageError: the file is there already, or the folder is not the user's: it came with the package, or lies in the
            hub cache.
        ContextgenError: there is no such model.
    """
    from contextgen.weights.card import CARD_FILE
    from contextgen.weights.checkpoint_errors import NotInCache
    from contextgen.weights.checkpoints import DEFAULT, find

    if file is not None and file.exists():
        raise UsageError(f"{file} is there already", hint="Give another file with -o.")
    name = model or DEFAULT
    try:
        with error_translation.opening():
            card = file or find(name, offline=True) / CARD_FILE
    except WeightsError as error:
        if not isinstance(error.__cause__, NotInCache):
            raise
        raise UsageError(f"{name} would lie in the hub cache, whose files are left as they came", hint=_HINT) from None
    place = card.resolve() if file is not None else card.parent.resolve()
    if place.is_relative_to(Path(str(files("contextgen"))).resolve()):
        raise UsageError(f"{name} is a part of the package, whose files are left as they came", hint=_HINT)
    if file is None and place.is_relative_to(_hub_cache()):
        raise UsageError(f"{name} lies in the hub cache, whose files are left as they came", hint=_HINT)
    return card


def measure(opened: OpenModel, scenes: int, measured: Callable[[str], None]) -> list[float]:
    """The model's ratios over some scenes; `measured` is called with the name of each when its picture is painted."""
    from contextgen.evaluation.mag_calibration import calibration_case, mag_ratios

    def cases() -> Iterator[Case]:
        for number in range(scenes):
            case = calibration_case(number, opened.pipe.card)
            yield case
            measured(case.name)

    with error_translation.painting():
        return [round(ratio, _DIGITS) for ratio in mag_ratios(opened.pipe, cases())]


def write(card: Path, folder: Path, ratios: Sequence[float]) -> None:
    """Write the card of the model in `folder` with these ratios, every other key as it stands there.

    Raises:
        OutputError: it cannot be written.
    """
    from contextgen.weights.card import CARD_FILE

    before = folder / CARD_FILE
    stated: Mapping[str, object] = json.loads(before.read_text("utf-8")) if before.is_file() else {}
    text = json.dumps({**stated, "mag_ratios": list(ratios)}, indent=2, ensure_ascii=False)
    output.write(card, f"{text}\n".encode())


def _hub_cache() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE).resolve()
