"""What every list has: columns to sort by, facets to filter by, pages, all of it in the address."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

PAGE_SIZE = 50
AROUND = 2  # pages that are linked before and after the one that is shown


@dataclass(frozen=True)
class Head:
    """The head of a column."""

    title: str
    url: str | None = None  # sorts by it, or the other way round; None: that cannot be
    sorted: str | None = None  # ascending | descending, in the words of aria-sort
    cls: str = ""


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Facet:
    name: str
    title: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class PageLink:
    number: int | None  # None: some are left out here
    url: str
    here: bool


@dataclass(frozen=True)
class Pages:
    """Which part of a list is shown."""

    first: int  # the number of its first row, from 1 on
    last: int
    total: int
    links: tuple[PageLink, ...]
    previous: str | None
    next: str | None

    @property
    def shown(self) -> int:
        return self.last - self.first + 1 if self.total else 0

    @property
    def all(self) -> bool:
        return self.shown == self.total


def address(path: str, given: Mapping[str, object], **changes: object) -> str:
    """The address of a list with some of its arguments changed; what is None or empty is left out."""
    kept = {name: value for name, value in {**given, **changes}.items() if value not in (None, "")}
    return f"{path}?{urlencode(kept)}" if kept else path


def heads(
    columns: Mapping[str, tuple[str, str]], sortable: Collection[str], sort: str, path: str, given: Mapping[str, object]
) -> tuple[Head, ...]:
    """The heads of a table. `sort` is the name of the column it is sorted by, after a minus sign if downwards."""
    found = []
    for name, (title, cls) in columns.items():
        if name not in sortable:
            found.append(Head(title, cls=cls))
            continue
        here = sort.removeprefix("-") == name
        down = sort.startswith("-")
        other = name if here and down else f"-{name}" if here else name
        direction = ("descending" if down else "ascending") if here else None
        found.append(Head(title, address(path, given, sort=other, page=None), direction, cls))
    return tuple(found)


def facet(name: str, title: str, counts: Mapping[str, int], chosen: str | None, labels: Mapping[str, str]) -> Facet:
    """Only what would show something is offered, and what is chosen now; in the order of `labels`, others last."""
    values = [value for value in labels if value in counts or value == chosen]
    values += sorted(value for value in counts if value not in labels)
    if chosen is not None and chosen not in values:
        values.append(chosen)
    return Facet(
        name,
        title,
        tuple(
            Option(value, f"{labels.get(value, value) or 'nobody'} ({counts.get(value, 0):,})", value == chosen)
            for value in values
        ),
    )


def pages(number: int, total: int, path: str, given: Mapping[str, object], upto: int | None = None) -> Pages:
    """`upto`: the newest row that the first page began with. The others go on from there, whatever comes in meanwhile,
    so that no row is pushed from one page onto the next; the first one is always as it is now.
    """
    count = last_page(total)

    def url(page: int) -> str:
        return address(path, given, upto=upto, page=page) if page > 1 else address(path, given)

    links: list[PageLink] = []
    for page in range(1, count + 1):
        if page in (1, count) or abs(page - number) <= AROUND:
            links.append(PageLink(page, url(page), page == number))
        elif links[-1].number is not None:
            links.append(PageLink(None, "", False))
    return Pages(
        first=min((number - 1) * PAGE_SIZE + 1, total),
        last=min(number * PAGE_SIZE, total),
        total=total,
        links=tuple(links) if count > 1 else (),
        previous=url(number - 1) if number > 1 else None,
        next=url(number + 1) if number < count else None,
    )


def last_page(total: int) -> int:
    return max(1, -(-total // PAGE_SIZE))
