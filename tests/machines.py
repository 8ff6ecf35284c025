"""Machines with other devices than this one: what torch and accelerate enumerate, and nothing that computes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

GIB = 1 << 30


def put_in(monkeypatch: pytest.MonkeyPatch, kind: str, count: int) -> list[str]:
    """Let torch find so many devices of a kind (cuda, xpu, hpu or mps) and accelerate prefer it; returns the list to
    which the device is added that a process makes its current one."""
    import torch

    current: list[str] = []
    found = {
        "is_available": lambda: count > 0,
        "device_count": lambda: count,
        "get_device_name": lambda index: f"{kind} of the shop",
        "get_device_properties": lambda index: SimpleNamespace(uuid=f"{kind}-{index}"),
        "mem_get_info": lambda index: ((16 + index) * GIB, 24 * GIB),
        "set_device": current.append,
    }
    if not hasattr(torch, kind):
        monkeypatch.setattr(torch, kind, SimpleNamespace(), raising=False)
    for name, answer in found.items():
        monkeypatch.setattr(getattr(torch, kind), name, answer, raising=False)
    if kind != "cuda":
        monkeypatch.setattr(f"accelerate.state.is_{kind}_available", lambda: count > 0)
    return current
