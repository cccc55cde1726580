"""Rows to learn from are the tokens that were drawn, whatever their text would be made of again."""

import pytest

from idiolect.errors import RequestError
from idiolect.training.drawing import written
from idiolect.types import Guide, ask

ASKED = [ask(f"Question {i}", max_tokens=6, temperature=1.5, seed=i) for i in range(12)]


def test_replies_are_those_of_the_model_and_rows_their_prompts_and_tokens(llama):
    made = written(llama.lm, ASKED)
    assert [reply for reply, _ in made] == llama.lm.generate(ASKED)
    for request, (reply, row) in zip(ASKED, made, strict=True):
        assert row.ids[: row.prompt] == llama.lm.encode(request).ids
        assert row.answer == reply.tokens + (reply.finish == "stop")
        drawn = row.ids[row.prompt :][: reply.tokens]
        assert llama.lm.tokenizer.decode(drawn, skip_special_tokens=True, clean_up_tokenization_spaces=False) == reply.text


def test_texts_that_would_be_tokenized_otherwise_keep_what_was_drawn(llama):
    again = [
        llama.lm.encode(request, reply.text).ids[row.prompt :]
        for request, (reply, row) in zip(ASKED, written(llama.lm, ASKED), strict=True)
    ]
    drawn = [row.ids[row.prompt :] for _, row in written(llama.lm, ASKED)]
    assert any(own[: len(other)] != other for own, other in zip(drawn, again, strict=True))  # else this file would not be needed


def test_only_an_answer_that_the_model_ended_has_an_end_token(llama):
    many = [ask("Q", max_tokens=40, temperature=2.0, seed=seed) for seed in range(40)]
    made = written(llama.lm, many)
    ends = {row.ids[-1] == llama.lm.tokenizer.eos_token_id for reply, row in made if reply.finish == "stop"}
    cut = {row.answer == reply.tokens == 40 for reply, row in made if reply.finish == "length"}
    assert ends == {True} and cut == {True}


def test_a_guide_is_refused(llama):
    with pytest.raises(RequestError, match="without it"):
        written(llama.lm, [ASKED[0].bent(guide=Guide((ASKED[0],), (1.0, 0.5)))])
