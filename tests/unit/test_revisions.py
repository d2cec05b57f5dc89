"""What a process knows of runs' revisions: never older than the last announcement, read again after each."""

from __future__ import annotations

from dashboard.store.revisions import Revisions


class Source:
    """A store of one run, with a count of how often it was asked."""

    def __init__(self) -> None:
        self.rev = 1
        self.asked = 0
        self.listening = True
        self.revisions = Revisions(lambda: self.listening)

    def read(self) -> int:
        self.asked += 1
        return self.rev

    def get(self) -> int:
        return self.revisions.get(7, self.read)


def test_while_nothing_is_announced_nothing_is_asked() -> None:
    source = Source()
    assert [source.get() for _ in range(5)] == [1] * 5
    assert source.asked == 1


def test_an_announcement_has_it_read_again_and_one_of_another_run_does_not() -> None:
    source = Source()
    source.get()
    source.rev = 2
    source.revisions.heard("8")
    assert (source.get(), source.asked) == (1, 1)
    source.revisions.heard("7")
    assert (source.get(), source.get(), source.asked) == (2, 2, 2)


def test_what_was_read_while_something_was_announced_is_not_kept() -> None:
    source = Source()

    def read_old() -> int:
        rev = source.read()
        source.rev = 2
        source.revisions.heard("7")
        return rev

    assert source.revisions.get(7, read_old) == 1
    assert source.get() == 2


def test_without_announcements_everything_is_asked_for() -> None:
    source = Source()
    source.get()
    source.listening = False
    source.rev = 2
    assert source.get() == 2
    source.rev = 3
    assert source.get() == 3
    source.listening = True
    source.revisions.heard(None)  # the connection is back
    assert source.get() == 3
