"""Messages as the one text a model reads: through its chat template, or plainly where it has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from idiolect.errors import ModelError
from idiolect.types import Message


def clean(text: str) -> str:
    """`text` with what UTF-8 cannot carry (lone surrogates) replaced by "?", one character for one."""
    return text.encode("utf-8", "replace").decode("utf-8")


def disarmed(text: str, special: Sequence[str]) -> str:
    """`text` in which no special token is spelt: a zero-width space stands after its first character.

    What a person wrote must not open a turn or end one; a chat template is read whole, marks and contents alike.
    """
    for token in special:
        if len(token) > 1:
            text = text.replace(token, f"{token[0]}\u200b{token[1:]}")
    return text


def render(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The text up to where the answer begins.

    Without a chat template: the contents, each followed by a blank line ("system\\n\\nuser\\n\\n").
    A template that refuses or ignores a system message finds it at the head of the first user message.
    Raises ModelError, with the template's own words, where the order of roles is refused too.
    """
    if not getattr(tokenizer, "chat_template", None):
        return "".join(f"{message.content}\n\n" for message in messages)
    if messages[0].role != "system":
        return _fill(tokenizer, messages)
    try:
        text = _fill(tokenizer, messages)
    except ModelError:
        return _fill(tokenizer, folded(messages))
    return text if messages[0].content.strip() in text else _fill(tokenizer, folded(messages))


def folded(messages: Sequence[Message]) -> list[Message]:
    """The messages without a system message: its text stands at the head of the next one."""
    system, first, *rest = messages
    return [Message(first.role, f"{system.content}\n\n{first.content}"), *rest]


def _fill(tokenizer: Any, messages: Sequence[Message]) -> str:
    turns = [{"role": message.role, "content": message.content} for message in messages]
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except TemplateError as error:
        roles = " ".join(message.role for message in messages)
        raise ModelError(f"the model's chat template refuses messages in the order {roles}: {error}; send other roles") from error
