"""Pascal VOC, XML, as LabelImg writes it: one image a file, an `object` with a `bndbox` each.

Corners are whole pixels; where the set counts them from 1, boxes lie a pixel too far to the right, which is left so.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from xml.etree.ElementTree import Element

from contextgen_cli.scene.imports import annotated
from contextgen_cli.scene.imports.annotated import AnnotatedSubject
from contextgen_cli.scene.imports.documents import Document
from contextgen_cli.scene.imports.foreign_values import MalformedError, number, size
from contextgen_cli.scene.imports.imported import Format, Imported, ImportEntry, Target
from contextgen_cli.scene.imports.picture_search import photograph


def matches(document: Document) -> bool:
    root = document.xml
    return root is not None and root.tag == "annotation"


def entries(document: Document, target: Target) -> Iterator[ImportEntry]:
    if document.xml is None:
        raise MalformedError("it must be XML")
    yield ImportEntry(document.path.name, partial(_scene, document.xml, document, target))


def _scene(root: Element, document: Document, target: Target) -> Imported:
    name = _text(root, "filename") or _text(root, "path")
    if name is None:
        raise MalformedError("`filename` is missing")
    stated = size(_text(root, "size/width"), _text(root, "size/height"))
    photo = photograph(name, stated, document, target)
    objects = ((f"object {at}", each) for at, each in enumerate(root.iterfind("object")))
    return annotated.scene(photo, ((called, partial(_subject, called, each)) for called, each in objects), target)


def _subject(called: str, item: Element) -> AnnotatedSubject:
    label = _text(item, "name") or "subject"
    left, top, right, bottom = (_number(item, f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax"))
    return AnnotatedSubject(called, label, (left, top, right, bottom))


def _text(element: Element, path: str) -> str | None:
    return (element.findtext(path) or "").strip() or None


def _number(element: Element, path: str) -> float:
    written = _text(element, path)
    if written is None:
        raise MalformedError(f"`{path}` is missing")
    return number(written)


FORMAT = Format("pascal-voc", "Pascal VOC, XML, as LabelImg writes it: boxes", matches, entries)
