"""A new, untrained model of a given geometry: real components in diffusers' format, ready to be trained.

Tokenizers learn their pieces from captions and the codec begins with principal components, both of the procedural
scenes of `contextgen.data`; everything else is random or zero.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer

from contextgen.backends.flux_kontext.pipeline import ContextGenPipeline
from contextgen.codec import PatchCodec
from contextgen.data.example import Example
from contextgen.data.objects import objects
from contextgen.data.stream import StreamSpec, SyntheticStream
from contextgen.method.layout import Pixels
from contextgen.weights.card import CARD_FILE

_SCENES = StreamSpec({"plain": 1, "complex": 1, "flexible": 1}, ((128, 128, 1), (192, 192, 1)), (1, 4), {"plain": 1})
_SEEN, _DRAWN_AT_ONCE = 1600, 16
_SCORE_DIGITS = 9  # of a piece's score


@dataclass(frozen=True)
class Geometry:
    """The sizes of a new model; a cell of the codec is 8 px, a token 16 px.

    Attributes:
        heads, head_dim: of the transformer; their product is its width.
        double_blocks, single_blocks: how many.
        ica_blocks: indices of the ICA blocks, double-stream blocks first.
        latent_channels: of the codec.
        text_length: tokens of the text sequence.
        vocabulary: pieces of each tokenizer.
        text_width, text_layers: of the T5 encoder.
        pooled_width, pooled_layers: of the CLIP text model.
        side, steps: native canvas side in pixels and number of steps, for the card.
    """

    heads: int = 4
    head_dim: int = 64
    double_blocks: int = 3
    single_blocks: int = 6
    ica_blocks: tuple[int, ...] = (3, 4, 5, 6, 7)
    latent_channels: int = 16
    text_length: int = 64
    vocabulary: int = 3000
    text_width: int = 192
    text_layers: int = 2
    pooled_width: int = 128
    pooled_layers: int = 2
    side: int = 256
    steps: int = 20

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> Geometry:
        """From a configuration's mapping.

        Raises:
            ValueError: a key that does not belong there.
        """
        if unknown := sorted(set(stated) - {field.name for field in fields(cls)}):
            raise ValueError(f"start.new: unknown key {unknown[0]!r}")
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stated.items()
        }
        return cls(**known)


def make_new_model(folder: Path, geometry: Mapping[str, Any], seed: int) -> Path:
    """Write an untrained model to `folder`; the same seed gives the same files.

    Raises:
        ValueError: the geometry has a key that does not belong there.
    """
    sizes = Geometry.of(geometry)
    torch.manual_seed(seed)
    examples = list(_examples(seed))
    captions = [example.prompt for example in examples]
    pipe = ContextGenPipeline(
        FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, shift=1.0),
        _codec(sizes, [np.asarray(example.target, np.float32) / np.float32(127.5) - 1 for example in examples]),
        *_clip(sizes, captions),
        *_t5(sizes, captions),
        _transformer(sizes),
    )
    pipe.save_pretrained(folder)
    card = {
        "prompt_template": "{prompt}",
        "text_length": sizes.text_length,
        "width": sizes.side,
        "height": sizes.side,
        "smallest_side": sizes.side // 2,
        "largest_side": sizes.side * 3 // 2,
        "largest_aspect": 2,
        "reference_frame": "canvas",
        "steps": sizes.steps,
        "guidance": 1.0,
        "ica_blocks": list(sizes.ica_blocks),
    }
    (folder / CARD_FILE).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return folder


def _examples(seed: int) -> Iterator[Example]:
    stream = SyntheticStream(seed, _SCENES)
    for index in range(_SEEN // _DRAWN_AT_ONCE):
        yield from stream.batch(index, _DRAWN_AT_ONCE)


def _corpus(captions: Iterable[str]) -> list[str]:
    """Captions and names, in both cases, and every character that a keyboard has, so that none is unknown."""
    names = [known.name for known in objects("train")]
    keyboard = [" ".join(chr(code) for code in range(33, 127))] * 4
    sentences = [*captions, *names]
    return [*sentences, *(sentence.lower() for sentence in sentences), *keyboard]


def _clip(sizes: Geometry, captions: Iterable[str]) -> tuple[CLIPTextModel, CLIPTokenizer]:
    tokenizer = _byte_pairs(_corpus(captions), sizes.vocabulary)
    tokenizer.model_max_length = sizes.text_length
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=sizes.pooled_width,
        intermediate_size=4 * sizes.pooled_width,
        projection_dim=sizes.pooled_width,
        num_hidden_layers=sizes.pooled_layers,
        num_attention_heads=max(1, sizes.pooled_width // 32),
        max_position_embeddings=sizes.text_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config), tokenizer


def _byte_pairs(corpus: Sequence[str], vocabulary: int) -> CLIPTokenizer:
    """A CLIP tokenizer of the corpus; its letters are sorted, which training leaves in any order."""
    ends = ("<|startoftext|>", "<|endoftext|>")
    plain = CLIPTokenizer(vocab={piece: index for index, piece in enumerate(ends)}, merges=[])
    trained = plain.train_new_from_iterator(corpus, vocab_size=vocabulary, show_progress=False)
    model = json.loads(trained.backend_tokenizer.to_str())["model"]
    merged = ["".join(pair) for pair in model["merges"]]
    pieces = dict.fromkeys([*ends, *sorted(set(model["vocab"]) - set(merged)), *merged])
    return CLIPTokenizer(
        vocab={piece: index for index, piece in enumerate(pieces)}, merges=[tuple(pair) for pair in model["merges"]]
    )


def _t5(sizes: Geometry, captions: Iterable[str]) -> tuple[T5EncoderModel, T5Tokenizer]:
    tokenizer = _whole_words(_corpus(captions), sizes.vocabulary)
    tokenizer.model_max_length = sizes.text_length
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=sizes.text_width,
        d_kv=32,
        d_ff=4 * sizes.text_width,
        num_layers=sizes.text_layers,
        num_heads=max(1, sizes.text_width // 32),
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
    )
    return T5EncoderModel(config), tokenizer


def _whole_words(corpus: Sequence[str], vocabulary: int) -> T5Tokenizer:
    """A T5 tokenizer that keeps the corpus' common words whole, with half its pieces for all others."""
    pieces = T5Tokenizer(extra_ids=0).train_new_from_iterator(corpus, vocab_size=vocabulary // 2, show_progress=False)
    scores = _settled(json.loads(pieces.backend_tokenizer.to_str())["model"]["vocab"])
    words = Counter(f"▁{word}" for sentence in corpus for word in re.findall(r"\w+", sentence))
    common = {word: 0.0 for word, _ in words.most_common(vocabulary - len(scores))}  # no split scores as high
    return T5Tokenizer(vocab=list({**scores, **common}.items()), extra_ids=0)


def _settled(trained: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Pieces by falling score; training leaves last digits, ties and the letters it did not choose in any order."""
    rounded = [(piece, round(score, _SCORE_DIGITS)) for piece, score in trained]
    chosen, least = (min(score for piece, score in rounded if len(piece) > length) for length in (1, 0))
    scores = [(piece, score if score >= chosen else least) for piece, score in rounded]
    return dict(sorted(scores, key=lambda entry: (-entry[1], entry[0] if entry[1] else "")))  # 0: the special ones


def _transformer(sizes: Geometry) -> FluxTransformer2DModel:
    """Modulation and output start at zero, so that every block begins as the identity."""
    unit = sizes.head_dim // 16
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=4 * sizes.latent_channels,
        num_layers=sizes.double_blocks,
        num_single_layers=sizes.single_blocks,
        attention_head_dim=sizes.head_dim,
        num_attention_heads=sizes.heads,
        joint_attention_dim=sizes.text_width,
        pooled_projection_dim=sizes.pooled_width,
        guidance_embeds=False,
        axes_dims_rope=(2 * unit, 7 * unit, 7 * unit),
    )
    modulations = [
        norm.linear for block in transformer.transformer_blocks for norm in (block.norm1, block.norm1_context)
    ]
    modulations += [block.norm.linear for block in transformer.single_transformer_blocks]
    for layer in (*modulations, transformer.norm_out.linear, transformer.proj_out):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    return transformer


def _codec(sizes: Geometry, pictures: Sequence[Pixels]) -> PatchCodec:
    codec: PatchCodec = PatchCodec(sizes.latent_channels)
    codec.fit(torch.from_numpy(np.concatenate([_cells(picture, codec.side) for picture in pictures])))
    return codec


def _cells(picture: Pixels, side: int) -> Pixels:
    """(H, W, 3) -> the cells, (N, 3 * side * side), as a convolution reads them."""
    height, width, _ = picture.shape
    cells = picture.reshape(height // side, side, width // side, side, 3).transpose(0, 2, 4, 1, 3)
    flat: Pixels = cells.reshape(-1, 3 * side * side)
    return flat
