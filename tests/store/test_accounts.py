"""Keys and tokens are kept as digests, open what they are for until they end, and go with who made them and whose they are."""

import hmac
import time

import pytest

from idiolect.errors import DataError
from idiolect.store import Store, accounts
from idiolect.store.accounts import KEY, TOKEN, Accounts
from idiolect.types import Record


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "people.db") as opened:
        yield opened


@pytest.fixture
def kept(store):
    return Accounts(store._session)


@pytest.fixture
def clock(monkeypatch):
    """The time, as a list of one number that a test moves on."""
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def test_a_key_opens_what_it_is_of_and_its_secret_is_nowhere(kept, store, tmp_path):
    secret, made = kept.add("shop", "application", "the shop, in production")
    assert secret.startswith(KEY) and len(secret) == len(KEY) + 43
    held = kept.holder(secret)
    assert (held.id, held.application, held.role, held.user) == (made.id, "shop", "application", None)
    token, _ = kept.issue("shop\x1fann", made.id, 3600)
    with store._session("BEGIN") as db:
        for table in (accounts.keys, accounts.tokens):
            for row in db.execute(table.select()):
                assert not any(one[4:] in repr(tuple(row)) for one in (secret, token))
    store.close()
    raw = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert b"in production" in raw and not any(one[4:].encode() in raw for one in (secret, token))


def test_two_keys_are_never_alike(kept):
    assert len({kept.add("", "operator")[0] for _ in range(50)}) == 50


@pytest.mark.parametrize("application", ["Shop", "a b", "a_b", "a%", "*", "-a", "a" * 41, "a\x1fb", "ä", "a\n", "../a", "\u0430"])
def test_an_applications_name_is_plain(kept, application):
    with pytest.raises(DataError, match="small letters"):
        kept.add(application, "application")


@pytest.mark.parametrize("role", ["person", "admin", "", "Operator"])
def test_a_key_has_one_of_two_roles(kept, role):
    with pytest.raises(DataError, match="application, operator"):
        kept.add("shop", role)


def test_an_end_in_the_past_is_refused(kept):
    for end in (0.0, time.time() - 1, float("nan"), float("inf")):
        with pytest.raises(DataError, match="later time"):
            kept.add("shop", "application", "", end)
    for seconds in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(DataError, match="0 seconds"):
            kept.issue("ann", None, seconds)


def test_what_is_not_quite_a_secret_opens_nothing(kept):
    secret, made = kept.add("shop", "application")
    changed = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    wrong = [changed, secret[:-1], f"{secret}A", secret.upper(), secret + "\n", f" {secret}", TOKEN + secret[4:], secret[4:], made.id, ""]
    assert [kept.holder(one) for one in (*wrong, "idl_" + "*" * 43, "idl_" + "é" * 43, "\ud800", "' OR 1=1 --")] == [None] * (
        len(wrong) + 4
    )
    assert kept.holder(secret)


def test_secrets_are_compared_in_constant_time(kept, monkeypatch):
    """The row is found by the id, which everybody may know; what is secret of the digest is compared by `compare_digest` alone."""
    secret, _ = kept.add("shop", "application")
    compared = []
    monkeypatch.setattr(accounts.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or hmac_compare(a, b))
    assert kept.holder(secret) and kept.holder(KEY + "A" * 43) is None
    assert [len(a) == len(b) == 32 for a, b in compared] == [True, True] and compared[0][0] == compared[0][1]


hmac_compare = hmac.compare_digest


def test_a_row_whose_digest_is_of_another_secret_opens_nothing(kept, store):
    """Whoever finds a secret whose digest begins as another's does has found nothing."""
    secret, made = kept.add("shop", "application")
    with store._session("BEGIN IMMEDIATE") as db:
        other = accounts._named(secret)[1][:31] + b"\x00"
        db.execute(accounts.keys.update().where(accounts.keys.c.id == made.id).values(digest=other))
    assert kept.holder(secret) is None


def test_a_revoked_key_opens_nothing_nor_do_its_tokens(kept):
    secret, made = kept.add("shop", "application")
    other, spared = kept.add("shop", "application")
    token, _ = kept.issue("shop\x1fann", made.id, None)
    sparing, _ = kept.issue("shop\x1fann", spared.id, None)
    revoked = kept.revoke(made.id)
    assert revoked.revoked and kept.holder(secret) is None and kept.holder(token) is None
    assert kept.holder(other) and kept.holder(sparing)
    assert kept.revoke(made.id).revoked == revoked.revoked, "the second time changes nothing"
    assert [one.id for one in kept.keys(10)] == [made.id, spared.id]
    with pytest.raises(DataError, match="revoked meanwhile"):
        kept.issue("shop\x1fann", made.id, None)


@pytest.mark.parametrize("wrong", ["key-0000000000000000", "", "*", "%", "key-%", "x\x00y", "\ud800", "' OR 1=1 --"])
def test_only_a_key_that_is_there_is_revoked(kept, wrong):
    secret, _ = kept.add("shop", "application")
    assert kept.revoke(wrong) is None and kept.holder(secret)
    with pytest.raises(DataError, match="after"):
        kept.keys(10, wrong)


def test_keys_and_tokens_end_when_their_time_is_over(kept, clock):
    lasting, _ = kept.add("shop", "application")
    secret, made = kept.add("shop", "application", "", clock[0] + 100)
    short, _ = kept.issue("shop\x1fann", made.id, 10)
    long, _ = kept.issue("shop\x1fann", made.id, None)
    clock[0] += 11
    assert kept.holder(short) is None and kept.holder(long).expires == made.expires
    clock[0] += 100
    assert [kept.holder(one) for one in (secret, long)] == [None, None], "a token ends with the key that made it"
    assert kept.holder(lasting)


def test_there_being_a_key_outlives_the_key(kept, clock):
    """Otherwise revoking the last one would open the server to everybody."""
    assert not kept.some() and not kept.live()
    _, made = kept.add("", "operator", "", clock[0] + 10)
    assert kept.some() and kept.live()
    clock[0] += 11
    assert kept.some() and not kept.live()
    kept.revoke(made.id)
    assert kept.some() and not kept.live()


def test_a_token_reaches_one_person_and_goes_with_them(kept, store):
    _, made = kept.add("shop", "application")
    token, about = kept.issue("shop\x1fann", made.id, 3600)
    held = kept.holder(token)
    assert (held.role, held.user, held.id, held.kept) == ("person", "shop\x1fann", about.id, True)
    assert store.version("shop\x1fann") is not None, "a newcomer is known by it"
    store.add("shop\x1fann", [Record("p", "a sentence that nobody else wrote", 1.0)])
    assert store.erase("shop\x1fann").clean
    assert kept.holder(token) is None and kept.tokens("shop\x1fann", 10) == []
    store.add("shop\x1fann", [Record("p", "a", 1.0)])
    assert kept.holder(token) is None, "whoever takes the id later is somebody else"


def test_only_the_persons_own_token_is_withdrawn(kept):
    token, about = kept.issue("ann", None, None)
    assert not any(kept.withdraw(who, which) for who, which in (("bob", about.id), ("*", about.id), ("ann", "*"), ("ann", "tok-%")))
    assert kept.holder(token) and not kept.holder(token).kept
    assert kept.withdraw("ann", about.id) and kept.holder(token) is None and not kept.withdraw("ann", about.id)


def test_lists_are_read_in_pieces(kept):
    made = [kept.add("shop", "application", str(number))[1].id for number in range(5)]
    first = kept.keys(2)
    assert [one.id for one in first] == made[:2] and [one.id for one in kept.keys(9, first[-1].id)] == made[2:]
    tokens = [kept.issue("ann", None, None)[1].id for _ in range(3)]
    kept.issue("bob", None, None)
    assert [one.id for one in kept.tokens("ann", 9, tokens[0])] == tokens[1:]


def test_of_when_a_key_is_used_the_day_is_known(kept):
    secret, made = kept.add("shop", "application")
    kept.seen(made.id, 20_000)
    assert kept.keys(1)[0].used == kept.holder(secret).used == 20_000


def test_old_tokens_of_a_person_do_not_pile_up(kept, clock, store):
    for _ in range(5):
        kept.issue("ann", None, 10)
        clock[0] += 11
    assert len(kept.tokens("ann", 10)) == 1


def test_a_secret_is_not_in_what_is_shown_of_a_key(kept):
    secret, made = kept.add("shop", "application")
    token, about = kept.issue("shop\x1fann", made.id, 3600)
    shown = repr((made, about, kept.holder(secret), kept.holder(token), kept.keys(10), kept.tokens("shop\x1fann", 10)))
    assert secret[4:] not in shown and token[4:] not in shown
