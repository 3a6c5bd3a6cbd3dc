"""Bytes to YAML nodes of our own, with places and raw texts: the only reader of YAML.

Room rule: knows YAML and nothing of routes; decides no types (`no` stays the text "no"). It reads
the parser's events, not `yaml.compose`: the composer recurses, so that 100,000 brackets overflow
the C stack, and it expands aliases. Depth, number of values and size are bounded here, whatever
the bytes. Anchors, aliases, tags, directives, merge keys and second documents are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import yaml

from gateway.errors import Text
from gateway.routing.yaml_faults import MAX_DEPTH, Fault, levels, syntax_fault, text_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "MAX_VALUES",
    "Allowance",
    "Broken",
    "Document",
    "Entry",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "read_document",
]

MAX_VALUES: Final = 1_000_000
"""Scalars, lists and mappings of all files of one load together."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEFINITION_DEPTH: Final = 2


class Scalar(NamedTuple):
    """A single value: `text` as written (quotes and escapes undone); places count from 1."""

    text: str
    plain: bool
    line: int
    column: int
    end_line: int
    end_column: int


class Entry(NamedTuple):
    key: Scalar
    value: Node


class Mapping(NamedTuple):
    """`whole` is false when an entry is not here, its fault being known already."""

    entries: list[Entry]
    line: int
    column: int
    end_line: int
    end_column: int
    whole: bool = True


class Sequence(NamedTuple):
    """`whole` is false when it could not be read to its end, or its tag is a fault already."""

    items: list[Node]
    line: int
    column: int
    end_line: int
    end_column: int
    whole: bool = True


class Broken(NamedTuple):
    """A value that could not be read; the reason is among the faults already."""

    line: int
    column: int
    end_line: int
    end_column: int


Node = Scalar | Mapping | Sequence | Broken


class Document(NamedTuple):
    """What a file holds; `complete` is false when reading stopped early, at the last fault."""

    root: Node | None
    faults: list[Fault]
    text: str
    complete: bool


class Allowance:
    """How many values may still be read; shared by all files of one load."""

    def __init__(self, values: int = MAX_VALUES) -> None:
        self.total = values
        self.left = values


def read_document(data: bytes, allowance: Allowance) -> Document:
    """Read one file. Never raises, whatever the bytes; what is wrong is in `faults`."""
    text, faults = text_faults(data)
    if faults:
        return Document(None, faults, text, complete=False)
    begin = _first_content(text)
    if text.startswith("%", begin):
        line = text.count("\n", 0, begin) + 1
        return Document(None, [Fault("directive", line, 1)], text, complete=False)
    return _Builder(text, allowance).read()


def _first_content(text: str) -> int:
    """Where the first line begins that is neither blank nor a comment."""
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin)
        end = len(text) if end < 0 else end
        line = text[begin:end].strip()
        if line and not line.startswith("#"):
            break
        begin = end + 1
    return begin


def _place(event: yaml.Event) -> tuple[int, int, int, int]:
    """Begin and end of an event; the parser sets both, only the types say it might not."""
    start, end = event.start_mark, event.end_mark
    if start is None or end is None:
        return 1, 1, 1, 1
    return start.line + 1, start.column + 1, end.line + 1, end.column + 1


def _tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!", 1)


class _Frame:
    """A list or mapping that is being read."""

    __slots__ = ("column", "entries", "expects_key", "items", "key", "line", "whole")

    def __init__(self, event: yaml.Event, *, mapping: bool) -> None:
        self.line, self.column, _, _ = _place(event)
        self.entries: list[Entry] | None = [] if mapping else None
        self.items: list[Node] = []
        self.key: Scalar | None = None
        self.expects_key = mapping
        self.whole = True

    def close(self, line: int, column: int) -> Mapping | Sequence:
        if self.entries is None:
            return Sequence(self.items, self.line, self.column, line, column, self.whole)
        return Mapping(self.entries, self.line, self.column, line, column, self.whole)


class _Builder:
    """Builds nodes from events with a stack of its own, so that no input makes it recurse."""

    def __init__(self, text: str, allowance: Allowance) -> None:
        self._text = text
        self._allowance = allowance
        self._stack: list[_Frame] = []
        self._root: Node | None = None
        self._faults: list[Fault] = []
        self._anchors: set[str] = set()
        self._stopped = False
        self._last = text.count("\n") + 1, len(text) - text.rfind("\n")

    def read(self) -> Document:
        try:
            for event in self._events():
                self._take(event)
                if self._stopped:
                    break
        except yaml.MarkedYAMLError as error:
            self._stop(self._at_end(syntax_fault(error, self._text, self._path())))
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            self._stop(Fault("yaml_syntax", 1, 1, found=type(error).__name__))
        return Document(self._root, self._faults, self._text, complete=not self._stopped)

    def _events(self) -> Iterator[yaml.Event]:
        loader = _LOADER(self._text)
        try:
            while loader.check_event():
                event = loader.get_event()
                yield event
                if isinstance(event, yaml.DocumentEndEvent):
                    return
        finally:
            loader.dispose()

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            if self._spend(event):
                self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            if self._spend(event):
                self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            frame = self._stack.pop()
            self._attach(frame.close(*_place(event)[2:]))
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentEndEvent):
            self._look_behind(0 if event.end_mark is None else event.end_mark.index)

    def _spend(self, event: yaml.Event) -> bool:
        self._allowance.left -= 1
        if self._allowance.left < 0:
            total = self._allowance.total
            limit = Text(f"{total} values", f"{total} 个")
            self._stop(self._fault("too_many_values", event, allowed=limit))
        return not self._stopped

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        place = self._within(_place(event))
        self._note_anchor(event)
        nothing = event.anchor is not None and not event.value
        if event.tag is not None:
            self._faults.append(self._fault("tag", event, found=_tag(event.tag)))
        if (nothing or event.tag is not None) and not self._at_key():
            self._attach(Broken(*place))
            return
        self._attach(Scalar(event.value, event.style in (None, ""), *place))

    def _within(self, place: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """The place of a scalar; the parser puts one that is missing at the end behind the end."""
        if place[0] <= self._last[0]:
            return place
        return (*self._last, *self._last)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        self._note_anchor(event)
        if event.tag is not None:
            self._faults.append(self._fault("tag", event, found=_tag(event.tag)))
        if len(self._stack) >= MAX_DEPTH:
            self._stop(self._fault("too_deep", event, allowed=levels(MAX_DEPTH)))
            return
        frame = _Frame(event, mapping=isinstance(event, yaml.MappingStartEvent))
        frame.whole = event.tag is None
        self._stack.append(frame)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self._anchors and not self._passed_over():
            self._faults.append(self._fault("alias", event, found=f"*{event.anchor}"))
        self._attach(Broken(*_place(event)))

    def _note_anchor(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            self._anchors.add(event.anchor)
            self._faults.append(self._fault("alias", event, found=f"&{event.anchor}"))

    def _at_key(self) -> bool:
        return bool(self._stack) and self._stack[-1].expects_key

    def _passed_over(self) -> bool:
        """The value of a merge key or of no key comes next; its key is a fault already."""
        frame = self._stack[-1] if self._stack else None
        return (
            frame is not None
            and frame.entries is not None
            and frame.key is None
            and not frame.expects_key
        )

    def _attach(self, node: Node) -> None:
        if not self._stack:
            self._root = node
            return
        frame = self._stack[-1]
        if frame.entries is None:
            frame.items.append(node)
        elif frame.expects_key:
            frame.expects_key = False
            frame.key = self._as_key(node)
            frame.whole = frame.whole and frame.key is not None
        else:
            frame.expects_key = True
            key, frame.key = frame.key, None
            if key is not None:
                frame.entries.append(Entry(key, node))

    def _as_key(self, node: Node) -> Scalar | None:
        """The key for an entry; None when it is none and its value is to be passed over."""
        if isinstance(node, Scalar) and not (node.plain and node.text == "<<"):
            return node
        if not self._stopped:
            code, found = ("merge_key", "<<") if isinstance(node, Scalar) else ("complex_key", None)
            self._faults.append(Fault(code, node.line, node.column, self._path(), found))
        return None

    def _look_behind(self, index: int) -> None:
        """Only comments may follow the document; nothing behind it is given to the parser."""
        line = self._text.count("\n", 0, index) + 1
        for number, rest in enumerate(self._text[index:].splitlines(), line):
            content = rest.strip()
            if content and content != "..." and not content.startswith("#"):
                column = len(rest) - len(rest.lstrip()) + 1
                self._faults.append(Fault("multiple_documents", number, column))
                self._stopped = True
                return

    def _path(self) -> tuple[str | int, ...]:
        path: list[str | int] = []
        for frame in self._stack:
            if frame.entries is None:
                path.append(len(frame.items))
            elif frame.key is not None:
                path.append(frame.key.text)
        return tuple(path)

    def _fault(
        self, code: str, event: yaml.Event, *, found: str | None = None, allowed: Text | None = None
    ) -> Fault:
        line, column, _, _ = _place(event)
        return Fault(code, line, column, self._path(), found, allowed)

    def _stop(self, fault: Fault) -> None:
        """End here: keep the definitions that are complete, and the names of those that are not.

        What was found behind the place that has to be mended comes of it and is no fault.
        """
        line, column = fault.line, fault.column
        self._faults = [known for known in self._faults if known[1:3] <= (line, column)]
        self._faults.append(fault)
        self._stopped = True
        self._doubt(fault)
        while self._stack:
            frame = self._stack[-1]
            if frame.key is not None and not frame.expects_key:
                self._attach(Broken(line, column, line, column))
            self._stack.pop()
            if len(self._stack) >= _DEFINITION_DEPTH:
                self._attach(Broken(frame.line, frame.column, line, column))
            else:
                frame.whole = False
                self._attach(frame.close(line, column))

    def _at_end(self, fault: Fault) -> Fault:
        """At the end of the file, inside a bracket, the bracket is what has to be mended."""
        lines = self._text.rstrip().split("\n")
        if not self._stack or (fault.line, fault.column) <= (len(lines), len(lines[-1])):
            return fault
        frame = self._stack[-1]
        bracket = lines[frame.line - 1][frame.column - 1 : frame.column]
        if fault.code != "yaml_syntax" or bracket not in ("[", "{"):
            return fault
        return Fault("bracket_not_closed", frame.line, frame.column, fault.path, bracket)

    def _doubt(self, fault: Fault) -> None:
        """Take nothing for whole that ends just before the fault, nor a key behind its place."""
        frame = self._stack[-1] if self._stack else None
        if frame is None or frame.entries is None:
            return
        if frame.key is not None and frame.key[2:4] >= fault[1:3]:
            frame.key, frame.expects_key = None, True
        while frame.entries and frame.entries[-1].key[2:4] >= fault[1:3]:
            frame.entries.pop()
        if frame.entries and frame.expects_key:
            key, value = frame.entries[-1]
            if isinstance(value, Scalar) and value.end_line >= fault.line - 1:
                value = Broken(*value[2:])
            frame.entries[-1] = Entry(key, _doubtful(value, fault.line - 1))


def _doubtful(node: Node, line: int) -> Node:
    """The node, whose last parts are not whole when they reach to `line`: more was to come."""
    if isinstance(node, (Scalar, Broken)) or node.end_line < line:
        return node
    if isinstance(node, Mapping) and node.entries:
        key, value = node.entries[-1]
        node = node._replace(entries=[*node.entries[:-1], Entry(key, _doubtful(value, line))])
    return node._replace(whole=False)
