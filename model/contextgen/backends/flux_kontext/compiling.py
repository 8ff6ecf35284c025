"""Regional compilation: every block that is like others, by torch.compile, for all sizes at once."""

from __future__ import annotations

import torch
from diffusers import FluxTransformer2DModel

from contextgen.backends.flux_kontext.attention.masked_attention import blocks
from contextgen.backends.unsupported import Unsupported


def compile_blocks(transformer: FluxTransformer2DModel, device: torch.device, backend: str = "inductor") -> None:
    """Let torch compile the blocks on their first call on a device, once for all pictures; equal to rounding.

    The one or two blocks after which rows end stay as they are: their spans differ with every scene. Attention itself
    is a kernel already.

    Raises:
        Unsupported: before anything is compiled.
    """
    if backend == "inductor":
        _check_compiler(device)
    for block in blocks(transformer):
        plan = getattr(block.attn.processor, "plan", None)
        if plan is None or plan.reads is plan.writes:
            block.compile(dynamic=True, backend=backend)


def _check_compiler(device: torch.device) -> None:
    """torch looks for its compilers on the first call only, and says it in a page of traces."""
    if device.type == "cpu":
        from torch._inductor.cpp_builder import get_cpp_compiler
        from torch._inductor.exc import InvalidCxxCompiler

        try:
            get_cpp_compiler()
        except InvalidCxxCompiler:
            raise Unsupported(
                "no C++ compiler is on this machine", "Install g++ or clang++, or name one in CXX."
            ) from None
    elif device.type == "cuda":
        from torch.utils._triton import has_triton

        if not has_triton():
            raise Unsupported("Triton is missing, which compiles for this GPU", "Install it: pip install triton.")
