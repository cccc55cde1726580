"""The battery's checks of what is learnt, by whom, and what stays behind. Each raises AssertionError where a method fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from idiolect.assistant import Assistant, Kept
from idiolect.store import Store
from idiolect.store.states import dump, load
from idiolect.types import Record, Request, State
from tests.conformance.people import ANN, BOB, CYD, EVERYBODY, conversation, mark, marks, question, rewritten, text_of
from tests.conformance.subjects import Trial, earlier, same_states, texts_of
from tests.tiny_models import Watched, failing, snapshot, unchanged

RECORDS = {mark(user.id, i): (user, record) for user in EVERYBODY for i, record in enumerate(user.records)}


def gives_the_same_for_the_same_seed(trial: Trial) -> None:
    """Two instances, from fit to the bent request; and one instance asked twice."""
    first, second = trial.subject.new(), trial.subject.new()
    made = []
    for method in (first, second):
        method.fit(EVERYBODY, trial.lm)
        state = method.enroll([ANN], trial.lm)[0]
        made += [method.personalize(state, conversation(), trial.lm) for _ in range(2)]
    assert all(bent == made[0] for bent in made), "the same configuration, records and request gave different results"


def learns_together_what_it_learns_alone(trial: Trial) -> None:
    """Company changes nobody's state, in whatever order they come."""
    alone = [trial.enrolled(user)[0] for user in EVERYBODY]
    assert same_states(trial.enrolled(*EVERYBODY), alone), "enrolled together, the states differ from those enrolled alone"
    assert same_states(trial.enrolled(*EVERYBODY[::-1]), alone[::-1]), "the order in which people are enrolled changes their states"


def is_not_moved_by_another_user(trial: Trial) -> None:
    """Other texts of Bob's, before Ann and after her, in one call and in earlier ones of the same instance, leave Ann's state."""
    other = rewritten(BOB)
    for order in ((ANN, BOB), (BOB, ANN)):
        swapped = tuple(other if user is BOB else user for user in order)
        place = order.index(ANN)
        assert same_states([trial.enrolled(*order)[place]], [trial.enrolled(*swapped)[place]]), "Bob's records move Ann's state"
    used = trial.method()
    used.enroll([other], trial.lm)
    assert same_states(used.enroll([ANN], trial.lm), trial.enrolled(ANN)), "whoever was enrolled before moves Ann's state"


def keeps_nobody_elses_text(trial: Trial) -> None:
    """Ann's state and Ann's requests hold Ann's marks only."""
    method = trial.method()
    for user, state in zip(EVERYBODY, method.enroll(EVERYBODY, trial.lm), strict=True):
        assert {name for name, _ in marks(texts_of(state))} <= {user.id}, f"the state of {user.id} holds another's text"
        for bent in _requests(method.personalize(state, question(), trial.lm)):
            assert {name for name, _ in marks(text_of(bent))} <= {user.id}, f"a request for {user.id} quotes another"


def names_the_records_it_quotes(trial: Trial) -> None:
    """Every quoted answer is named in `because`, and every record named there is the user's own."""
    for user, state in zip(EVERYBODY, trial.enrolled(*EVERYBODY), strict=True):
        bent = trial.bent(state, question())
        named = {reason.removeprefix("record:") for reason in bent.because if reason.startswith("record:")}
        assert named <= {record.id for record in user.records}, "a record is named that is not the user's"
        for request in _requests(bent):
            quoted = {_record(found).id for found in marks(text_of(request)) if _verbatim(_record(found), request)}
            assert quoted <= named, f"records are quoted and not named: {quoted - named}"


def sees_only_earlier_records(trial: Trial) -> None:
    """Asked for a record, it quotes strictly earlier ones; and where it is taught one, it is told strictly earlier ones only."""
    target = ANN.records[3]
    state = trial.enrolled(earlier(ANN, target))[0]
    for request in _requests(trial.bent(state, question(target.prompt))):
        assert all(number < 3 for _, number in marks(text_of(request))), "a record that is not earlier is quoted"
    watched, method = Watched(trial.lm), trial.subject.new()
    method.fit(EVERYBODY, watched)
    method.enroll([ANN, BOB], watched)
    for request, answer in watched.seen:
        for name, number in marks(answer or ""):
            told = {other for who, other in marks(text_of(request)) if who == name}
            assert all(other < number for other in told), f"{mark(name, number)} is taught beside {sorted(told)}"


def survives_save_and_load(trial: Trial) -> None:
    """A state read back bends a request as it did, with another instance that was given what `fit` learnt."""
    state = trial.enrolled(ANN)[0]
    assert same_states([load(dump(state))], [state])
    assert trial.bent(load(dump(state)), question()) == trial.bent(state, question())
    fitted = trial.subject.new()
    fitted.fit(EVERYBODY, trial.lm)
    assert trial.bent(state, question()) == fitted.personalize(state, question(), trial.lm), "`shared` is not all that `fit` learnt"


def leaves_states_as_they_were(trial: Trial) -> None:
    """Neither asking nor adding records writes into a state."""
    state = trial.enrolled(earlier(ANN, ANN.records[4]))[0]
    before = dump(state)
    trial.bent(state, question())
    trial.method().update(state, ANN, ANN.records[4:], trial.lm)
    assert dump(state) == before, "the state that was given was changed"


def updates_as_if_enrolled_afresh(trial: Trial) -> None:
    """New records added to a state give the state of all records."""
    before = trial.enrolled(earlier(ANN, ANN.records[4]))[0]
    updated = trial.method().update(before, ANN, ANN.records[4:], trial.lm)
    assert same_states([updated], trial.enrolled(ANN)), "updated, the state is another than enrolled afresh"


def keeps_people_in_states_only(trial: Trial) -> None:
    """Enrolling, asking and adding leave no trace on the method: a deleted state is all there was."""
    method = trial.method()
    before = _attributes(method)
    state = method.enroll([ANN, BOB], trial.lm)[0]
    method.personalize(state, question(), trial.lm)
    method.update(state, ANN, ANN.records[4:], trial.lm)
    assert _attributes(method) == before, "something of a person stays on the method"


def leaves_nothing_on_disk_after_erase(trial: Trial, folder: Path) -> None:
    """Ann's state and records saved beside Bob's, then Ann erased: every byte of every file is searched for her."""
    method = trial.method()
    states = method.enroll([ANN, BOB], trial.lm)
    name, config = type(method).__name__, method.config
    with Store(folder / "people.db") as store:
        for user, state in zip((ANN, BOB), states, strict=True):
            store.add(user.id, user.records)
            store.save(user.id, name, config, state, user.records.digest)
        store.save_shared(name, config, load(trial.learnt.shared))
        assert b"annzq00" in _bytes(folder)  # the search finds what is there
        receipt = store.erase("ann")
        assert receipt.clean and receipt.states == 1
        left = _bytes(folder)
        assert b"annzq" not in left and b"bobzq00" in left
        assert not any(record.id.encode() in left for record in ANN.records)
        assert same_states([store.load("bob", name, config)], trial.enrolled(BOB))


def leaves_nothing_of_a_forgotten_record(trial: Trial, folder: Path) -> None:
    """Ann's first record forgotten: no byte of it is left in her state, in what all taught together, or anywhere, and she is answered."""
    method, forgotten = trial.method(), ANN.records[0]
    name, config = type(method).__name__, method.config
    with Store(folder / "people.db") as store:
        store.add("ann", ANN.records)
        store.save("ann", name, config, trial.enrolled(ANN)[0], ANN.records.digest)
        store.save_shared(name, config, load(trial.learnt.shared))
        assistant = Assistant(trial.lm, method, Kept(store, name, config))
        assistant.personalize(["ann"], [question()])  # now there is a copy in memory too
        assert store.forget("ann", [forgotten.id]).clean
        left = _bytes(folder)
        assert b"annzq00" not in left and b"annzq01" in left and forgotten.id.encode() not in left
        bent = assistant.personalize(["ann"], [question()])[0]
        assert "annzq00" not in repr(bent) and f"record:{forgotten.id}" not in bent.because


def leaves_the_model_as_it_was(trial: Trial) -> None:
    """Weights equal to the bit and no hook, after a whole run; and after the model broke down in the middle of each step."""
    before, lm = snapshot(trial.lm), trial.lm
    method = trial.subject.new()
    method.fit(EVERYBODY, lm)
    state = method.enroll([ANN, CYD], lm)[0]
    bent = trial.answer(method.personalize(state, question(), lm))
    assert not (found := unchanged(lm, before)), found
    for after in (0, 1, 2):
        _broken_down(trial, state, after)
        assert not (found := unchanged(lm, before)), f"after an exception, {found}"
    assert trial.answer(trial.bent(trial.enrolled(ANN, CYD)[0], question())) == bent, "an exception left something behind"


def _broken_down(trial: Trial, state: State, after: int) -> None:
    """Every step once, each on a model that breaks down in its forward pass number `after`."""
    steps = (
        lambda: trial.subject.new().fit(EVERYBODY, trial.lm),
        lambda: trial.method().enroll([ANN, CYD], trial.lm),
        lambda: trial.answer(trial.bent(state, question())),
    )
    for step in steps:
        with failing(trial.lm, after):
            try:
                step()
            except RuntimeError as error:
                assert str(error) == "the model broke down"  # steps that never ask the model do not fail


def _requests(bent: object) -> Iterator[Request]:
    if isinstance(bent, Request):
        yield bent


def _record(found: tuple[str, int]) -> Record:
    return RECORDS[mark(*found)][1]


def _verbatim(record: Record, request: Request) -> bool:
    return record.answer in text_of(request)


def _attributes(method: object) -> dict:
    held = {name: dump(value) if isinstance(value, State) else repr(value) for name, value in vars(method).items()}
    return held | {name: repr(value) for name, value in vars(type(method)).items() if not name.startswith("__") and not callable(value)}


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
