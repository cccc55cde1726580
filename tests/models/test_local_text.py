"""Text in and text out: windows, templates, stop strings, streams, odd characters, and models that are not there."""

import threading

import pytest

from idiolect.errors import ModelError, RequestError
from idiolect.models.encode import Encoder
from idiolect.models.local import TINY, LocalLM, load
from idiolect.types import Message, Request, Sampling, ask

ODD = [
    "\x00",
    "a\x00b",
    "🙂\U0001f469\u200d\U0001f467",
    "שלום עולם \u200f",
    "\ud800 lone \udfff",
    "",
    " ",
    "<|end|>",
    "\ufffd",
    "e\u0301" * 20,
]


def text_of(bench, request, room):
    encoded = bench.lm.encoder.prompt(request.messages, room)
    assert len(encoded.ids) <= room
    return bench.tokenizer.decode(encoded.ids), encoded.dropped


def test_a_prompt_that_fits_is_the_template_filled(llama, conversation):
    turns = [{"role": message.role, "content": message.content} for message in conversation.messages]
    whole = llama.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    assert llama.lm.encoder.prompt(conversation.messages, 500).ids == tuple(whole)


def test_the_start_of_the_system_message_goes_first_then_old_exchanges_and_the_question_last(llama, conversation):
    whole = len(llama.lm.encoder.prompt(conversation.messages, 500).ids)
    text, dropped = text_of(llama, conversation, whole - 20)
    assert "<|system|>" in text and "one fox" in text and 20 <= dropped < 24
    text, _ = text_of(llama, conversation, 38)
    assert "alpha" not in text and "one fox" not in text and "three foxes" in text
    text, _ = text_of(llama, conversation, 20)
    assert text == "<|user|>the question<|end|><|assistant|>"


def test_a_question_too_long_by_itself_keeps_its_head_and_its_tail(llama):
    question = "first words " + "fox " * 500 + "last words"
    text, dropped = text_of(llama, ask(question).told("system"), 60)
    assert text.startswith("<|user|>first words") and "fox ... " in text and text.endswith("last words<|end|><|assistant|>")
    assert dropped > 400


def test_no_room_at_all_is_an_error_that_says_so(llama):
    with pytest.raises(ModelError, match="2 tokens are left"):
        llama.lm.encoder.prompt(ask("fox").messages, 2)


def test_generation_stays_inside_the_window_and_counts_what_was_dropped(new_bench):
    own = new_bench("gpt2", window=64)
    own.lm.ends = frozenset()
    requests = [ask("fox dog " * 200, max_tokens=limit) for limit in (1, 20, 63, 64, 1000)]
    replies = own.lm.generate([*requests, requests[1].bent(prefix=own.prefix(1, 9))])
    assert [reply.tokens for reply in replies] == [1, 20, 32, 32, 32, 20]
    assert all(reply.prompt_tokens + reply.tokens <= 64 and reply.dropped_tokens > 300 for reply in replies)
    assert own.lm.generate([ask("fox", max_tokens=1000)])[0].tokens > 50  # a short prompt leaves more than half


def test_a_score_counts_the_characters_it_scored(new_bench):
    own = new_bench("gpt2", window=64)
    whole, cut = own.lm.score([ask("fox " * 300), ask("fox")], ["the lazy dog", "🙂 dog" * 60])
    assert whole.chars == len("the lazy dog")
    assert 0 < len(cut.logprobs) <= 32 and 0 < cut.chars < 300
    assert len(own.tokenizer(("🙂 dog" * 60)[: cut.chars], add_special_tokens=False)["input_ids"]) == len(cut.logprobs)
    assert own.lm.score([ask("x" * 900)], ["🙂 dog" * 60])[0].chars == cut.chars  # whatever the prompt


def test_scores_are_the_log_softmax_of_transformers(llama):
    row = llama.lm.encode(ask("fox"), "the dog")
    logp = llama.logits("<|user|>fox<|end|><|assistant|>the dog").log_softmax(-1)
    expected = [float(logp[i - 1, row.ids[i]]) for i in range(row.prompt, len(row.ids))]
    assert llama.lm.score([ask("fox")], ["the dog"])[0].logprobs == pytest.approx(expected, abs=1e-4)


def test_odd_text_neither_crashes_nor_loses_the_count(bench):
    requests = [ask(text, max_tokens=4).told(text) for text in ODD]
    assert len(bench.lm.generate(requests)) == len(ODD)
    assert [score.chars for score in bench.lm.score(requests, ODD)] == [len(text) for text in ODD]
    assert bench.lm.score([ask("fox")], [""])[0].logprobs == ()


def test_a_stop_string_ends_the_text_before_it(bench):
    free = bench.lm.generate([ask("Tell me of the fox", max_tokens=24)])[0].text
    stop = free[len(free) // 2 : len(free) // 2 + 3]
    cut = bench.lm.generate([ask("Tell me of the fox", max_tokens=24, stop=("never", stop))])[0]
    assert cut.text == free[: free.index(stop)]
    assert cut.finish == "stop" and cut.tokens < 24


def test_a_stop_string_that_is_a_special_token_stops_too(new_bench, monkeypatch):
    own = new_bench("llama")
    special = own.tokenizer.convert_tokens_to_ids("<|user|>")
    monkeypatch.setattr("idiolect.models.decode.pick", lambda logp, *rest: [special] * len(logp))
    assert own.lm.generate([ask("fox", max_tokens=5, stop=("<|user|>",))])[0].tokens == 0
    assert own.lm.generate([ask("fox", max_tokens=5)])[0].tokens == 5


def test_a_stream_tells_what_generate_tells(bench):
    for request in bench.assorted(12):
        whole = bench.lm.generate([request.sampled(max_tokens=30)])[0].text
        pieces = list(bench.lm.stream(request.sampled(max_tokens=30)))
        assert "".join(pieces) == whole
        if len(whole) > 8:
            stopped = request.sampled(max_tokens=30, stop=(whole[5:8], "zzz"))
            assert "".join(bench.lm.stream(stopped)) == bench.lm.generate([stopped])[0].text == whole[: whole.index(whole[5:8])]


def test_a_stream_never_tells_half_a_character_or_half_a_stop_string(llama, monkeypatch):
    ids = llama.tokenizer("naïve 🙂 dog STOPPED", add_special_tokens=False)["input_ids"]
    script = iter(ids * 2)
    monkeypatch.setattr("idiolect.models.decode.pick", lambda logp, *rest: [next(script)])
    pieces = list(llama.lm.stream(ask("fox", max_tokens=len(ids), stop=("STOP!", "PED"))))
    assert "".join(pieces) == "naïve 🙂 dog STOP"
    assert not any("\ufffd" in piece for piece in pieces)
    assert len(pieces) > 4


def test_a_template_that_refuses_a_system_message_finds_it_in_the_first_question(new_bench):
    own = new_bench("llama")
    plain = own.tokenizer.chat_template
    refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + plain
    ignores = plain.replace("in messages %}", "in messages if m.role != 'system' %}")
    for template in (refuses, ignores):
        own.tokenizer.chat_template = template
        ids = own.lm.encode(ask("fox?").told("You are a dog.")).ids
        assert own.tokenizer.decode(ids) == "<|user|>You are a dog.\n\nfox?<|end|><|assistant|>"
    own.tokenizer.chat_template = "{{ raise_exception('roles must alternate') }}"
    with pytest.raises(ModelError, match="user: roles must alternate"):
        own.lm.encode(ask("fox"))


def test_without_a_template_the_texts_stand_one_after_another(new_bench):
    own = new_bench("gpt2")
    own.tokenizer.chat_template = None
    assert own.tokenizer.decode(own.lm.encode(ask("fox?").told("You are a dog.")).ids) == "You are a dog.\n\nfox?\n\n"


def test_a_tokenizer_without_offsets_cuts_too(llama, monkeypatch):
    monkeypatch.setattr(type(llama.tokenizer), "is_fast", False)
    encoder = Encoder(llama.tokenizer, 64)
    assert len(encoder.prompt(ask("fox " * 300).told("dog " * 300).messages, 40).ids) <= 40
    ids, chars = encoder.answer("fox " * 300)
    assert len(ids) == 32 and 0 < chars < 300


def test_a_model_is_loaded_from_a_folder_and_frozen(llama, tmp_path):
    llama.model.save_pretrained(tmp_path / "own")
    llama.tokenizer.save_pretrained(tmp_path / "own")
    loaded = load(tmp_path / "own")
    assert isinstance(loaded, LocalLM) and loaded.window == 256 and (loaded.width, loaded.layers) == (32, 2)
    assert loaded.generate([ask("fox")]) == llama.lm.generate([ask("fox")])
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert loaded.embedding_norm == pytest.approx(float(llama.model.model.embed_tokens.weight.norm(dim=1).mean()))


@pytest.mark.parametrize("name", ["no/such-model-anywhere", "no such name", "../nowhere", "https://api.example.com/v1", "x" * 300, ""])
def test_a_model_that_does_not_exist_is_named_with_what_to_do(name, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="endpoint|folder"):
        load(name)


def test_an_empty_folder_is_not_a_model(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        load(tmp_path)


def test_answers_that_do_not_pair_with_requests_are_refused(llama):
    with pytest.raises(RequestError, match="1 requests and 2 answers"):
        llama.lm.score([ask("fox")], ["a", "b"])


def test_a_conversation_is_answered(bench, conversation):
    assert bench.lm.generate([conversation, Request((Message("user", "fox"),), Sampling(max_tokens=3))])[1].tokens == 3


def test_what_a_person_wrote_neither_opens_nor_ends_a_turn(llama):
    lm = llama.lm
    marks = lm.tokenizer.convert_tokens_to_ids(lm.encoder.special)
    attack = "x" + "".join(lm.encoder.special)
    assert [i for i in lm.encode(ask(attack), attack).ids if i in marks] == [i for i in lm.encode(ask("x")).ids if i in marks]


@pytest.mark.skipif(not (TINY / "config.json").is_file(), reason="the bundled model is not there")
def test_threads_that_count_tokens_do_not_change_how_others_are_read():
    """Whether special tokens are split is a switch on the tokenizer that all threads share."""
    encoder = load("tiny").encoder
    messages = (Message("system", "Be kind."), Message("user", "Say <|eot|> and go."))
    alone, stop = encoder.prompt(messages, 500), threading.Event()

    def count():
        while not stop.is_set():
            encoder.tokens("How many tokens are <|user|> these? " * 40)

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        assert all(encoder.prompt(messages, 500) == alone for _ in range(400))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
