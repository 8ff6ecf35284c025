"""The limits of a scene file. The schema repeats those that an editor can check; a test holds the two together."""

from __future__ import annotations

FILE_BYTES = 1 << 20  # a scene file
STREAM_BYTES = 64 << 20  # standard input, which may carry many scenes
NODES = 100_000  # values of a document once its aliases are written out
DEPTH = 24  # nested lists and mappings; a scene needs 5
MATRIX_SCENES = 10_000  # scenes that one `matrix` may make
NUMBER_DIGITS = 40
REFERENCE_PIXELS = 64_000_000
TOKEN_SIDE = 16  # pixels; of the released model
SMALLEST_SIDE, LARGEST_SIDE = 64, 4096  # of a canvas; multiples of the token side
TEXT_TOKENS = 512  # T5's, of the released model
TEMPLATE_TOKENS = 48  # the sentence that the released model wraps around a prompt
TOKENS_PER_WORD = 1.3  # T5 on English prose; an estimate, as no tokenizer is at hand before a model is
LARGEST_SEED = 2**63 - 1
LARGEST_COUNT = 10_000  # pictures of one scene
LARGEST_STEPS = 1000
LARGEST_GUIDANCE = 100
ASPECT_TOLERANCE = 0.02  # how far a layout's aspect ratio may differ from the canvas' before we say so
