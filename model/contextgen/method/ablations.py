"""Parts of the method that can be switched off, to see what each is worth. No torch."""

from __future__ import annotations

ABLATIONS = ("no-ica", "no-layout", "no-offsets", "ica-everywhere")


def ica_blocks(ablation: str | None, stated: tuple[int, ...] | None, blocks: int) -> tuple[int, ...] | None:
    """The blocks that use ICA under an ablation.

    Args:
        stated: by the model's card.
        blocks: how many the transformer has.
    """
    return {"no-ica": (), "ica-everywhere": tuple(range(blocks))}.get(ablation or "", stated)


def has_layout(ablation: str | None) -> bool:
    """Whether anything is given of the layout image."""
    return ablation != "no-layout"


def has_offsets(ablation: str | None) -> bool:
    """Whether references lie on a diagonal; without, their positions overlap, which no model is trained for."""
    return ablation != "no-offsets"
