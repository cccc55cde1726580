"""Embedders: asked for their width, told apart by what they make of texts, and refused where they give something else than vectors."""

import numpy as np
import pytest

from idiolect import extras
from idiolect.errors import EndpointError, ModelError
from idiolect.retrieval.dense import PACKAGED
from idiolect.retrieval.encoding import PROBES, EndpointModel, HashedWords, SentenceModel, encoded, open_embedder, space_of
from tests.models.loopback import server as server  # the fixture

packaged = pytest.mark.skipif(
    not (extras.have("sentence_transformers") and extras.have(PACKAGED)),
    reason="sentence-transformers or the packaged MiniLM is not installed",
)


def answers(server, width=7, order=1, drop=0, value=None):
    """The endpoint gives a vector for each text, made of its letters."""

    def answer(handler, body):
        made = [
            {"index": at, "embedding": [value or float(text.count(chr(97 + n)) + n) for n in range(width)]}
            for at, text in enumerate(body["input"])
        ]
        server.send(handler, 200, {"data": made[drop:][::order], "model": body["model"]})

    server.answer = answer


def test_hashed_words_need_nothing_and_say_their_width():
    hashed = open_embedder("hash")
    assert isinstance(hashed, HashedWords) and encoded(hashed, ["tea and tea", "", "coffee"]).shape == (3, hashed.width)
    one, other = encoded(hashed, ["the heron ate buns", "buns: the heron ate!"])
    assert one @ other == pytest.approx(1, abs=1e-6) and encoded(hashed, []).shape == (0, hashed.width)
    assert space_of(hashed).same(space_of(HashedWords())) and space_of(hashed).width == hashed.width


@packaged
def test_minilm_says_its_width_and_is_known_again_by_another_name(tmp_path):
    from idiolect.retrieval.dense import MINILM, where

    named, elsewhere = open_embedder("minilm"), SentenceModel(where(MINILM), batch=2)
    assert named.width == 384 and named.name == MINILM and encoded(named, []).shape == (0, 384)
    assert named.name != elsewhere.name and "/" not in elsewhere.name and space_of(named).same(space_of(elsewhere))
    kitten, loaf, cat = encoded(named, ["a kitten naps", "a loaf of bread", "the cat sleeps"])
    assert kitten @ cat > loaf @ cat and np.linalg.norm(cat) == pytest.approx(1, abs=1e-5)
    assert not space_of(named).same(space_of(HashedWords()))


def test_an_endpoint_is_asked_in_batches_and_for_its_width(server, monkeypatch):
    monkeypatch.setattr("idiolect.retrieval.encoding.SENT_AT_ONCE", 4)
    answers(server, order=-1)
    model = open_embedder(f"{server.url}#m")
    assert isinstance(model, EndpointModel) and (model.name, model.width, model.width) == ("m", 7, 7)
    made = model.encode([f"{'a' * n}" for n in range(1, 11)])
    assert made.shape == (10, 7) and made.dtype == np.float32 and made[:, 0].tolist() == list(range(1, 11)), "the order is the texts' own"
    sent = [body for path, body in server.asked if path == "/v1/embeddings"]
    assert [len(body["input"]) for body in sent] == [1, 4, 4, 2] and {body["model"] for body in sent} == {"m"}
    assert model.encode([]).shape == (0, 7) and len(encoded(model, ["", "  "])) == 2
    assert all(text.strip() for text in server.asked[-1][1]["input"]), "endpoints refuse empty texts"
    model.close()


def test_an_endpoint_that_fails_or_gives_something_else_is_named(server):
    model = EndpointModel(server.url, "m", retries=1)
    server.in_turn((503, b"", {}), (200, {"data": [{"index": 0, "embedding": [1.0, 2.0]}]}, {}))
    assert model.encode(["a"]).tolist() == [[1.0, 2.0]]
    server.in_turn((404, {"error": "no such model"}, {}))
    with pytest.raises(EndpointError, match="said 404"):
        model.encode(["a"])
    for said in (
        {"data": [{"embedding": [1.0]}]},
        {"data": "text"},
        {"data": [{"index": 0, "embedding": [[1.0]]}]},
        {"data": [{"index": 0, "embedding": ["x"]}]},
    ):
        server.in_turn((200, said, {}))
        with pytest.raises(EndpointError, match="another shape|is 'm' an embedder"):
            model.encode(["a"])
    answers(server, drop=1)
    with pytest.raises(EndpointError, match="another shape"):
        model.encode(["a", "b"])


def test_an_endpoint_without_a_model_name_is_refused_with_the_form_that_is_wanted():
    with pytest.raises(ModelError, match="http://localhost:1/v1#MODEL"):
        open_embedder("http://localhost:1/v1")


class Broken:
    name, width = "broken", 3

    def __init__(self, made):
        self.made = made

    def encode(self, texts):
        return self.made


@pytest.mark.parametrize("made", [np.zeros((2, 4)), np.zeros((1, 3)), np.zeros(3)])
def test_another_shape_than_the_embedder_says_is_refused(made):
    with pytest.raises(ModelError, match=r"'broken' gave .* for 2 texts and says that it is 3 wide"):
        encoded(Broken(made), ["a", "b"])


def test_what_is_no_number_is_refused_with_the_text_it_came_from():
    with pytest.raises(ModelError, match="no number for text 1 .'b'"):
        encoded(Broken(np.array([[1, 2, 3], [1, np.nan, 2]])), ["a", "b"])


def test_the_probes_have_words_in_every_one():
    assert len(set(PROBES)) == len(PROBES) and (np.linalg.norm(space_of(HashedWords()).probe, axis=1) > 0.99).all()
