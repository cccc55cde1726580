"""What was used last is held, up to so many bytes, and nothing else."""

from idiolect.store.recent import Recent


def test_those_longest_unused_go_first_and_sizes_are_kept_to():
    recent = Recent(10)
    for name, size in (("a", 4), ("b", 4)):
        recent.put(name, name.upper(), size)
    assert recent.get("a") == "A"
    recent.put("c", "C", 4)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == ("A", None, "C")
    recent.put("a", "AA", 6)
    assert recent.get("a") == "AA" and len(recent) == 2
    recent.put("d", "D", 11)
    assert recent.get("d") is None


def test_what_is_dropped_gives_its_room_back():
    recent = Recent(10)
    recent.put("a", "A", 9)
    recent.drop(["a", "not there"])
    recent.put("b", "B", 9)
    assert recent.get("b") == "B" and len(recent) == 1
    recent.clear()
    assert len(recent) == 0
