"""What the values of the waist promise: immutable, named by their content, and strict about time."""

import dataclasses
import math
import random

import numpy as np
import pytest

from idiolect.errors import RequestError
from idiolect.types import (
    Adapter,
    Gate,
    Guide,
    History,
    Message,
    Prefix,
    Record,
    Reply,
    Request,
    Sampling,
    Score,
    State,
    Steering,
    User,
    ask,
    digest,
)


def adapter(seed=0, path="q_proj", scale=1.0, name="", rank=2):
    chance = np.random.default_rng(seed)
    return Adapter({path: (chance.normal(size=(rank, 4)).astype("f4"), chance.normal(size=(3, rank)).astype("f4"))}, scale, name)


def prefix(seed=0, length=2, width=4, name=""):
    return Prefix(np.random.default_rng(seed).normal(size=(length, width)).astype("f4"), name)


def steering(layer=0, scope="decode", name="", at=1.0):
    return Steering(layer, np.array([at, 2.0], dtype="f4"), scope, name)


def test_a_digest_tells_where_one_part_ends():
    assert digest("ab", "c") != digest("a", "bc") != digest("abc")
    assert digest("ab", "c") == digest(b"ab", "c") and len(digest()) == 16


def test_a_digest_takes_half_a_surrogate_pair():
    assert digest("\ud83d") != digest("?")


def test_a_record_without_an_id_is_named_by_its_content():
    assert Record("p", "a", 1).id == Record("p", "a", 1.0).id
    assert len({Record("p", "a", 1).id, Record("p", "b", 1).id, Record("q", "a", 1).id, Record("p", "a", 2).id}) == 4
    assert Record("pa", "", 1).id != Record("p", "a", 1).id
    assert Record("p", "a", 1, id="given").id == "given"


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (Record("p", "a"), "answer"),
        (User("ann"), "records"),
        (Message("user", "hi"), "content"),
        (ask("hi"), "messages"),
        (Sampling(), "seed"),
        (adapter(), "scale"),
        (prefix(), "vectors"),
        (steering(), "layer"),
        (Guide((), (1.0,)), "rule"),
        (Reply("a"), "text"),
        (Score((), 0), "chars"),
        (State(), "text"),
    ],
    ids=lambda value: type(value).__name__ if dataclasses.is_dataclass(value) else value,
)
def test_nothing_can_be_set_afterwards(value, field):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, field, None)


def test_a_history_is_in_time_order_and_equal_times_keep_theirs():
    given = [Record("p", "late", 5), Record("p", "one", 1), Record("p", "two", 1), Record("p", "early", -3.5)]
    assert [record.answer for record in History(given)] == ["early", "one", "two", "late"]


def test_a_slice_of_a_history_is_a_history():
    history = History(Record("p", str(i), i) for i in range(5))
    assert isinstance(history[1:3], History) and [record.answer for record in history[-2:]] == ["3", "4"]
    assert history[2].answer == "2" and len(history[:0]) == 0 and repr(history) == "History(5 records)"


def test_before_gives_strictly_earlier_records_only():
    history = History([Record("p", "a", 1), Record("p", "b", 2), Record("p", "c", 2), Record("p", "d", 3)])
    assert [record.answer for record in history.before(history[2])] == ["a"]
    assert len(history.before(history[0])) == 0
    assert len(history.before(Record("p", "elsewhere", 99))) == 4


def test_before_holds_for_random_histories():
    chance = random.Random(0)
    for _ in range(50):
        history = History(Record("p", str(i), chance.choice([0, 0.5, 1, 7, -2])) for i in range(chance.randrange(12)))
        for target in history:
            assert list(history.before(target)) == [record for record in history if record.time < target.time]


def test_the_digest_of_a_history_names_its_content():
    records = [Record("p", "a", 1), Record("p", "b", 2)]
    same, reversed_ = History(records), History(records[::-1])
    assert same == reversed_ and same.digest == reversed_.digest and hash(same) == hash(reversed_)
    others = [History(records[:1]), History([records[0], Record("p", "c", 2)]), History([records[0], Record("p", "b", 3)]), History()]
    assert len({same.digest, *(other.digest for other in others)}) == 5
    assert same != records


def test_a_user_takes_any_iterable_of_records():
    made = User("../" * 100, [Record("p", "b", 2), Record("p", "a", 1)])
    assert isinstance(made.records, History) and made.records[0].answer == "a"
    assert made == User("../" * 100, History([Record("p", "a", 1), Record("p", "b", 2)]))
    assert User("bob").records == History()


@pytest.mark.parametrize("make", [adapter, prefix], ids=["adapter", "prefix"])
def test_arrays_are_compared_by_content_and_the_name_does_not_count(make):
    assert make(1, name="x") == make(1, name="y") and hash(make(1)) == hash(make(1))
    assert make(1) != make(2)
    assert make(1) != "text" and len({make(1), make(1), make(2)}) == 2


def test_every_part_of_an_adapter_and_of_steering_counts():
    assert len({adapter(), adapter(path="v_proj"), adapter(scale=2.0), adapter(rank=1)}) == 4
    assert adapter(scale=1) == adapter(scale=1.0)
    assert len({steering(), steering(1), steering(scope="all"), steering(at=0.0)}) == 4


def test_the_activation_counts_and_without_one_the_digest_is_the_one_that_was_kept():
    lora, behind = (Adapter({"q": (np.ones((1, 2), "f4"), np.zeros((1, 1), "f4"))}, 0.5, "", kind) for kind in ("none", "relu"))
    assert lora != behind and lora.digest == "1e11d73564417770" == Adapter.checked(lora.modules, 0.5, "", lora.digest).digest
    assert dataclasses.replace(behind, name="x") == behind and dataclasses.replace(behind, name="x").activation == "relu"


def test_a_bottleneck_needs_room_for_its_bias_and_an_activation_that_there_is():
    with pytest.raises(RequestError, match=r"q has A \(1, 2\) and B \(2, 1\); need \(r, out \+ 1\)"):
        Adapter({"q": (np.ones((1, 2)), np.ones((2, 1)))}, activation="relu")
    with pytest.raises(RequestError, match="no activation 'gelu'"):
        Adapter({}, activation="gelu")


def test_equal_numbers_of_another_shape_are_another_prefix():
    flat = np.arange(6, dtype="f4")
    assert Prefix(flat.reshape(2, 3)) != Prefix(flat.reshape(3, 2))
    assert Prefix(flat.reshape(2, 3)) == Prefix(np.asfortranarray(flat.reshape(2, 3)))


def test_arrays_of_wrong_shapes_are_refused_with_their_shapes():
    with pytest.raises(RequestError, match=r"q has A \(2, 4\) and B \(3, 3\)"):
        Adapter({"q": (np.zeros((2, 4)), np.zeros((3, 3)))})
    with pytest.raises(RequestError, match=r"\(4,\)"):
        Prefix(np.zeros(4))
    with pytest.raises(RequestError, match=r"\(1, 4\)"):
        Steering(0, np.zeros((1, 4)))


@pytest.mark.parametrize(
    "wrong",
    [{"max_tokens": 0}, {"temperature": -0.1}, {"temperature": math.nan}, {"top_p": 0.0}, {"top_p": 1.1}, {"top_p": math.nan}],
    ids=str,
)
def test_sampling_out_of_range_is_refused(wrong):
    with pytest.raises(RequestError, match=next(iter(wrong))):
        ask("hi", **wrong)


@pytest.mark.parametrize("messages", [(), (Message("system", "s"),), (Message("user", "q"), Message("assistant", "a"))], ids=len)
def test_a_request_must_end_with_a_question(messages):
    with pytest.raises(RequestError, match="user"):
        Request(messages)


def test_telling_makes_a_system_message_or_adds_to_the_one_there():
    told = ask("q").told("first").told("second")
    assert told.messages == (Message("system", "first\n\nsecond"), Message("user", "q"))
    talk = Request((Message("system", ""), Message("user", "a"), Message("assistant", "b"), Message("user", "c")))
    assert talk.told("t").messages == (Message("system", "t"), *talk.messages[1:])
    assert told.question == "q" and talk.told("t").question == "c"


def test_telling_says_why_and_telling_nothing_says_nothing():
    record = Record("p", "a", id="7")
    told = ask("q").told("x", because=[record, "profile"]).told("y", because=iter(["more"]))
    assert told.because == ("record:7", "profile", "more")
    assert ask("q").told("", because=[record]) == ask("q")


def test_verbs_leave_the_request_they_are_called_on():
    request = ask("q", max_tokens=9)
    changed = [request.told("x"), request.bent(adapters={adapter(): 1.0}), request.sampled(seed=4)]
    assert request == ask("q", max_tokens=9) and request not in changed
    assert changed[2].sampling == Sampling(max_tokens=9, seed=4)


def test_bending_with_nothing_changes_nothing():
    full = ask("q").bent(adapters={adapter(): 1.0}, prefix=prefix(), steering=[steering()], guide=Guide((), (1.0,)))
    assert full.bent() == full and ask("q").bent() == ask("q")


def test_shares_of_one_adapter_add_up_and_others_stand_beside_it():
    bent = ask("q").bent(adapters={adapter(1): 0.5}).bent(adapters={adapter(1, name="again"): 0.25, adapter(2): -1.0})
    assert bent.adapters == ((adapter(1), 0.75), (adapter(2), -1.0))


def test_prefixes_join_in_order():
    bent = ask("q").bent(prefix=prefix(1, name="one")).bent(prefix=prefix(2, 3, name="two"))
    assert np.array_equal(bent.prefix.vectors, np.concatenate([prefix(1).vectors, prefix(2, 3).vectors]))
    assert bent.prefix.name == "one+two"
    assert ask("q").bent(prefix=prefix(1)).bent(prefix=prefix(2)).prefix.name == ""


def test_prefixes_of_two_models_cannot_join():
    with pytest.raises(RequestError, match=r"\(2, 4\) and \(2, 5\)"):
        ask("q").bent(prefix=prefix()).bent(prefix=prefix(width=5))


def test_steering_is_added_in_order():
    assert ask("q").bent(steering=[steering(0)]).bent(steering=[steering(1)]).steering == (steering(0), steering(1))


def test_one_guide_at_most_with_a_weight_for_each_voice():
    guide = Guide((ask("q"),), (1.5, -0.5))
    with pytest.raises(RequestError, match="already has a guide"):
        ask("q").bent(guide=guide).bent(guide=guide)
    with pytest.raises(RequestError, match="1 companions"):
        Guide((ask("q"),), (1.0,))
    with pytest.raises(RequestError, match="companion cannot have a guide"):
        Guide((ask("q").bent(guide=guide),), (1.0, 1.0))


def test_needs_are_what_bends_and_what_bends_the_companions():
    assert ask("q").told("x").needs == frozenset()
    assert ask("q").bent(adapters={adapter(): 1.0}).needs == {"adapters"}
    bent = ask("q").bent(prefix=prefix(), guide=Guide((ask("q").bent(steering=[steering()]),), (1.0, 1.0)))
    assert bent.needs == {"prefix", "guide", "steering"}


def test_sources_name_what_else_decides_beside_weights():
    gate = Gate(np.zeros((2, 3), np.float32))
    asked = (
        ask("q")
        .weighing({"brief": 0.3})
        .bent(
            steering=[Steering(1, np.ones(2, np.float32), name="v", site="heads")],
            guide=Guide((ask("other"),), (1.0, 0.5), "arithmetic", top=5, plausible=0.1, gate=gate, models=("small",)),
        )
    )
    told = ("weight:brief 0.3", "steering:v layer 1 heads", "guide:arithmetic 1/0.5 top 5 plausible 0.1 gate", "model:small")
    assert asked.sources == told


def test_sources_name_everything_that_bends():
    companion = ask("q").told("x", because=["record:1"]).bent(steering=[steering(2, name="mood")])
    bent = ask("q").told("y", because=["profile"])
    bent = bent.bent(adapters={adapter(name="own"): 0.5}, prefix=prefix(), guide=Guide((companion,), (1.5, -0.5)))
    assert bent.sources == (
        "profile",
        "adapter:own x0.5",
        f"prefix:{prefix().digest}",
        "guide:geometric 1.5/-0.5",
        "companion:record:1",
        "companion:steering:mood layer 2",
    )


def test_requests_are_equal_and_hash_alike_by_content():
    def make():
        return ask("q", seed=1).told("x").bent(adapters={adapter(): 1.0}, prefix=prefix(), steering=[steering()])

    assert make() == make() and len({make(), make(), ask("q")}) == 2


def test_bits_per_character_are_nats_over_characters():
    score = Score((-math.log(2), -3 * math.log(2)), chars=8)
    assert score.nats == pytest.approx(-4 * math.log(2)) and score.bits_per_char == pytest.approx(0.5)
    assert Score((), 0).bits_per_char == 0


def test_a_state_makes_a_history_of_any_records():
    assert State(records=[Record("p", "b", 2), Record("p", "a", 1)]).records == History([Record("p", "a", 1), Record("p", "b", 2)])
