"""How much is kept, for whom, and what gives way."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers

from huozhong.server.kept import OWNERS_SHARE, KeptResponses, owner_of


def response(name: str, text: str = "好") -> dict[str, Any]:
    return {"id": name, "output": [{"type": "message", "id": f"msg_{name}", "role": "assistant", "content": text}]}


def test_what_was_used_longest_ago_gives_way() -> None:
    kept = KeptResponses(max_number=2 * OWNERS_SHARE)
    for name in ("a", "b"):
        kept.keep("one", response(name), [])
    assert kept.find("one", "a")
    kept.keep("one", response("c"), [])
    assert [bool(kept.find("one", name)) for name in "abc"] == [True, False, True]
    assert kept.find_item("one", "msg_b") is None
    assert kept.find_item("one", "msg_c")


def test_one_owners_much_does_not_push_out_anothers() -> None:
    kept = KeptResponses(max_number=4 * OWNERS_SHARE)
    kept.keep("one", response("first"), [])
    for index in range(100):
        kept.keep("two", response(str(index)), [])
    assert kept.find("one", "first")
    assert sum(bool(kept.find("two", str(index))) for index in range(100)) == 4
    assert kept.find("two", "first") is None


def test_many_owners_have_no_more_than_all_there_is() -> None:
    kept = KeptResponses(max_number=16, max_bytes=OWNERS_SHARE * 1000)
    for index in range(100):
        kept.keep(str(index), response("a"), [])
    assert sum(bool(kept.find(str(index), "a")) for index in range(100)) == 16
    for index in range(100):
        kept.keep(str(index), response("b", "x" * 300), [])
    there = [kept.find(str(index), name) for index in range(100) for name in "ab"]
    assert 0 < sum(len(str(one)) for one in there if one) < OWNERS_SHARE * 1000


def test_what_is_larger_than_a_share_is_not_kept() -> None:
    kept = KeptResponses(max_bytes=OWNERS_SHARE * 1000)
    kept.keep("one", response("a"), [])
    kept.keep("one", response("b", "x" * 600), [])
    assert kept.find("one", "a")
    assert kept.find("one", "b") is None


def test_an_item_is_found_as_long_as_some_conversation_has_it() -> None:
    kept = KeptResponses()
    kept.keep("one", response("a"), [])
    kept.keep("one", response("b"), response("a")["output"])
    assert kept.remove("one", "a")
    assert kept.find_item("one", "msg_a")
    assert kept.remove("one", "b")
    assert kept.find_item("one", "msg_a") is None
    assert not kept.remove("one", "b")


def test_an_owner_is_whoever_has_the_key() -> None:
    keys = [{"authorization": "Bearer k"}, {"x-api-key": "k"}, {"authorization": "bearer  k"}, {"x-api-key": "l"}, {}]
    one, same, again, other, nobody = (owner_of(Headers(key)) for key in keys)
    assert one == same == again
    assert len({one, other, nobody}) == 3
