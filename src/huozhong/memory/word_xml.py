"""Looking into the XML of a Word file by names without their namespaces: there are two, of old and of strict files."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree


def local(element: ElementTree.Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def value(element: ElementTree.Element | None, name: str = "val") -> str:
    """An attribute of that name, whatever its namespace; "" where there is none."""
    attributes = {} if element is None else element.attrib
    return next((said for key, said in attributes.items() if key.rpartition("}")[2] == name), "")


def below(element: ElementTree.Element | None, *path: str) -> ElementTree.Element | None:
    """The first element on the way of these names down from one."""
    found = element
    for step in path:
        found = None if found is None else next((one for one in found if local(one) == step), None)
    return found


def children(element: ElementTree.Element | None, name: str) -> Iterator[ElementTree.Element]:
    """The elements of that name right below one."""
    return (one for one in (() if element is None else element) if local(one) == name)
