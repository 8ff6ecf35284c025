"""A scene file without a fault, for tests to spoil, and the type of the fixture that loads it."""

from __future__ import annotations

from collections.abc import Callable

from contextgen_cli.scene.loader import Loaded

GOOD = """\
version: 1
prompt: A crab is holding a bag.
canvas: {width: 256, height: 128}
references:
  crab: {image: crab.png}
  bag: {image: bag.jpg, mask: bag_mask.png}
instances:
  - reference: bag
    box: {x: 0, y: 0, width: 128, height: 128}
  - reference: crab
    box: {left: 50%, top: 0, right: 100%, bottom: 100%}
"""

Check = Callable[..., Loaded]
