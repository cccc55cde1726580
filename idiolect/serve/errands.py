"""What agents can have done with what is known of a person: remember, recall, say who they are, correct, forget, ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from idiolect.assistant import changes
from idiolect.errors import RequestError
from idiolect.facts.keep import FORBIDDEN
from idiolect.facts.telling import forbidden
from idiolect.retrieval import BM25
from idiolect.retrieval.bm25 import words
from idiolect.retrieval.content import content
from idiolect.serve import forms, keeping
from idiolect.serve.asking import Asked
from idiolect.serve.auditing import audit
from idiolect.serve.desk import Desk
from idiolect.serve.faults import NotFound
from idiolect.serve.gateway import Served
from idiolect.serve.here import Here
from idiolect.serve.keeping import Draft
from idiolect.serve.knowing import READER, edit, known
from idiolect.serve.reasons import told
from idiolect.serve.wire import Chat, Extra, Said
from idiolect.types import Fact, History, Record, State, User
from idiolect.wording import describe

AGENT = "mcp://agent"  # the model behind an agent, which nobody here knows: not one of this machine
CLIPPED = 2000  # characters of a record that are told


@dataclass(frozen=True, slots=True)
class Visit:
    """A caller at the agents' door, and the desk that keeps what people set."""

    now: Here
    desk: Desk


@dataclass(frozen=True)
class Their:
    """A caller, and the person they mean, as they are when they are first looked at. What it does reads the store."""

    now: Here
    desk: Desk
    person: str
    key: str

    @classmethod
    def of(cls, visit: Visit, wanted: forms.Wanted) -> Their:
        """The person that a call means. Raises RequestError where it names none, NotFound where they are not the caller's."""
        person = wanted.user if wanted.user is not None else visit.now.caller.person
        if person is None:
            raise RequestError("say whose memory is meant: give `user`, the id of the person")
        return cls(visit.now, visit.desk, person, visit.now.caller.reach(person))

    @cached_property
    def user(self) -> User:
        """All that is kept; nobody's records for somebody unknown."""
        store = self.now.gateway.store
        return store.user(self.key) if store.version(self.key) is not None else User(self.key)

    @cached_property
    def viewed(self) -> History:
        """What of it may be sent to an agent."""
        return self.desk.view(self.user, AGENT).records

    @cached_property
    def told(self) -> History:
        """The records that an agent is told: what the person ordered not to be mentioned is not."""
        return self.viewed.without([one.id for one in self.viewed if self.may_not(_all(one))])

    @cached_property
    def may_not(self) -> Callable[[str], bool]:
        """Whether the person ordered that a text is not to be mentioned."""
        default = self.now.gateway.served(None)
        return forbidden(self.state(replace(default, method=READER)).facts)

    def facts(self, ended: bool = False) -> dict[str, Fact]:
        """What is known of the person, as far as an agent is told it; with `ended` also what does not hold any more."""
        found = known(self.desk, self.now.gateway, self.key, ended)
        open_ = [one for one in found if one.handling.reaches(local=False) and one.fact.kind != FORBIDDEN]
        return {one.id: one.fact for one in open_ if not self.may_not(one.fact.text)}

    def state(self, served: Served | None = None) -> State:
        """What they taught a method; left out: the one that the server uses."""
        gateway = self.now.gateway
        return gateway.assistant(served or gateway.served(None)).state(self.key) or State()

    def keep(self, draft: Draft) -> forms.Remembered:
        """Keep what they said just now, once where it is the last thing they said. Raises Conflict for what they let nobody keep."""
        for last in (placed.record for placed in self.desk.pages.records(self.key, limit=1)):
            if draft == Draft(last.answer, last.prompt, last.other, last.kind):
                return forms.Remembered(id=last.id, new=False, changed=[])
        before = self.state()
        kept = keeping.add(self.desk, self.key, [replace(draft, time=time.time())])[0]  # with a time: it may say again what was so before
        return forms.Remembered(id=kept.id, new=True, changed=list(changes(before, self.state())))


async def remember(visit: Visit, wanted: forms.Remember) -> forms.Remembered:
    """Keep what somebody said; it is on the disk when this returns."""
    their = Their.of(visit, wanted)
    made = await visit.now.gateway.run(their.keep, Draft(wanted.text, wanted.about, wanted.other, wanted.kind))
    await audit(visit.now, "records.add", their.person, records=int(made.new))
    return made


async def recall(visit: Visit, wanted: forms.Recall) -> forms.Recalled:
    """The records nearest to a query, of those that share words with it."""
    their = Their.of(visit, wanted)
    made = await visit.now.gateway.run(_recalled, their, wanted)
    await audit(visit.now, "records.search", their.person, records=len(made.records))
    return made


async def who_is(visit: Visit, wanted: forms.Wanted) -> forms.Person:
    """What is known of somebody, each fact with the records it stands in."""
    their = Their.of(visit, wanted)
    made = await visit.now.gateway.run(_person, their)
    await audit(visit.now, "profile.read", their.person, facts=len(made.facts))
    return made


async def correct(visit: Visit, wanted: forms.Correct) -> forms.Corrected:
    """Put something right: where it stands, or by one more record that holds from now on."""
    their = Their.of(visit, wanted)
    await visit.now.answers.written()  # a reply that repeats what is forgotten must not be kept after it
    made = await visit.now.gateway.run(_corrected, their, wanted)
    await audit(visit.now, "records.edit" if made.replaced else "records.add", their.person, records=max(1, len(made.replaced)))
    return made


async def forget(visit: Visit, wanted: forms.Forget) -> forms.Forgotten:
    """Forget records and all that was learnt of them; asked for in words, show them first."""
    their = Their.of(visit, wanted)
    if bool(wanted.ids) == bool(wanted.words.strip()):
        raise RequestError("say what is to be forgotten: `ids` of records, or `words`, and not both")
    await visit.now.answers.written()
    made = await visit.now.gateway.run(_forgotten, their, wanted)
    await audit(visit.now, "records.forget" if made.done else "records.search", their.person, records=len(made.ids))
    return made


async def ask(visit: Visit, wanted: forms.Ask) -> forms.Answered:
    """An answer in somebody's own way, and what it is made of."""
    their = Their.of(visit, wanted)
    extra = Extra(method=wanted.method, learn=False)  # what an agent asks are not the person's own words
    body = Chat(messages=[Said(role="user", content=wanted.question)], user=their.person, max_tokens=wanted.max_tokens, idiolect=extra)
    asked = Asked.of(visit.now, body, [body.request(visit.now.settings.max_tokens)], 0, "mcp")
    await asked.begin()
    reply = (await asked.replies())[0]
    await asked.kept(reply.text)
    because = await visit.now.gateway.run(_because, their, asked.because)
    return forms.Answered(reply=asked.id, answer=reply.text, personal=bool(because), because=because)


def _recalled(their: Their, wanted: forms.Recall) -> forms.Recalled:
    records = list(their.told)
    meant = set(_meant(wanted.query))
    near = BM25(records).search(wanted.query, len(records))
    found = list(islice((record for record in near if meant.intersection(words(_all(record)))), wanted.k))
    return forms.Recalled(of=len(records), records=[quoted(record) for record in found])


def _person(their: Their) -> forms.Person:
    times, facts, state = [record.time for record in their.told], their.facts(), their.state()
    whole = len(their.told) == len(their.user.records)  # a summary does not say which records it is of
    return forms.Person(
        known=bool(times or facts),
        records=len(times),
        first=min(times, default=None),
        last=max(times, default=None),
        style=describe(their.told),
        quoted="\n\n".join(part.text for part in (state, *state.parts) if part.text) if whole else "",
        facts=[_known(name, fact) for name, fact in facts.items()],
    )


def _known(name: str, fact: Fact) -> forms.Known:
    return forms.Known(id=name, quoted=fact.text, kind=fact.kind, since=fact.since, sources=[one for one in fact.sources if one != name])


def _corrected(their: Their, wanted: forms.Correct) -> forms.Corrected:
    """Put right the record or the fact of that id; without one, keep the correction. Raises NotFound."""
    if wanted.id is None:
        kept = their.keep(Draft(wanted.right, other=wanted.wrong, kind="correction"))
        return forms.Corrected(id=kept.id, replaced=[], changed=kept.changed)
    if wanted.id in {record.id for record in their.told}:
        keeping.edit(their.desk, their.key, wanted.id, {"answer": wanted.right})
        return forms.Corrected(id=wanted.id, replaced=[wanted.id], changed=["records"])
    if wanted.id in their.facts():
        made = edit(their.desk, their.now.gateway, their.key, wanted.id, wanted.right, None)
        return forms.Corrected(id=made, replaced=[wanted.id], changed=["facts"])
    raise NotFound(f"there is no record and no fact {wanted.id!r}; recall and who_is tell the ids there are")


def _forgotten(their: Their, wanted: forms.Forget) -> forms.Forgotten:
    own = {record.id: record for record in their.viewed}  # also what may not be mentioned: that is what one wants forgotten
    if unknown := [one for one in wanted.ids if one not in own]:
        raise NotFound(f"there is no record {', '.join(map(repr, unknown))}: nothing was forgotten; recall tells the ids there are")
    ids = list(dict.fromkeys(wanted.ids)) or _saying(wanted.words, own.values())
    if not ids or not (wanted.ids or wanted.confirm):
        return forms.Forgotten(done=False, ids=ids, records=[quoted(own[one]) for one in ids])
    receipt = keeping.forget(their.desk, their.key, ids)
    return forms.Forgotten(done=True, ids=ids, states=receipt.states, searched_bytes=receipt.searched_bytes, clean=receipt.clean)


def _saying(text: str, records: Collection[Record]) -> list[str]:
    """The ids of records that say all words of a text, in whatever form."""
    says = forbidden([Fact(text, ("asked",), kind=FORBIDDEN, key=f"forbid:{' '.join(_meant(text))}")])
    return [record.id for record in records if says(_all(record))]


def _meant(text: str) -> list[str]:
    """The words of a text that something is found by: function words do not count where there are others."""
    return content(text) or words(text)


def _because(their: Their, because: tuple[str, ...]) -> list[forms.Because]:
    """Why an answer is as it is; the words of a record or a fact only where an agent may be told them."""
    records = {record.id: record for record in their.told}
    made = [one for one in told(because, records, their.facts(ended=True)) if one["kind"] != "left out"]
    return [forms.Because(kind=one["kind"], name=one["name"], quoted=_clipped(one.get("text", ""))) for one in made]


def quoted(record: Record) -> forms.Quoted:
    """A record as an agent is told it."""
    cut = max(len(record.prompt), len(record.answer)) > CLIPPED
    about, words = _clipped(record.prompt), _clipped(record.answer)
    return forms.Quoted(id=record.id, time=record.time, kind=record.kind, about=about, quoted=words, cut=cut)


def _clipped(text: str) -> str:
    return text[:CLIPPED].encode("utf-8", "replace").decode()  # half a surrogate pair is no JSON


def _all(record: Record) -> str:
    return f"{record.prompt}\n{record.answer}\n{record.other}"
