"""Chats as a model's template writes them: prompts, and the token with which an assistant's turn ends."""

from collections.abc import Collection, Sequence
from typing import Any

from jinja2 import TemplateError

from vgrout.env.jsonl import Message
from vgrout.errors import ConfigError

_ANSWER = "The answer."


def prompt_text(tokenizer: Any, messages: Sequence[Message]) -> str:
    """A chat that waits for the assistant's answer as the model reads it, thinking turned off.

    Where the template has no system role, refuses it or leaves its text out, that text stands before the first user's.

    Raises:
        ConfigError: the template refuses the chat.
    """
    chat = list(messages)
    system = [message["content"] for message in chat if message["role"] == "system"]
    text = None
    if system:
        try:
            text = _rendered(tokenizer, chat)
        except TemplateError:
            text = ""
        if not all(content.strip() in text for content in system):
            chat, text = _folded(chat, system), None
    try:
        return _rendered(tokenizer, chat) if text is None else text
    except TemplateError as error:
        roles = ", ".join(message["role"] for message in chat)
        raise ConfigError(
            f"model: the chat template of {tokenizer.name_or_path or 'its tokenizer'} refuses a chat of {roles}: {error}"
            "\nhint: take a model with another template, or write one into chat_template.jinja of its folder"
        ) from error


def turn_end(tokenizer: Any, end_ids: Collection[int]) -> int | None:
    """The token that the template writes behind an assistant's answer, None where it writes none.

    It is special to the tokenizer or one of `end_ids`, the tokens that the model's files name as ends.
    """
    chat = [Message(role="user", content="The question."), Message(role="assistant", content=_ANSWER)]
    try:
        text = _rendered(tokenizer, chat, asked=False)
    except TemplateError:
        return None
    special = {token for token, entry in tokenizer.added_tokens_decoder.items() if entry.special}
    behind = tokenizer.encode(text.rpartition(_ANSWER)[2], add_special_tokens=False)
    return next((token for token in behind if token in special or token in end_ids), None)


def _rendered(tokenizer: Any, chat: Sequence[Message], *, asked: bool = True) -> str:
    return str(
        tokenizer.apply_chat_template(
            [dict(message) for message in chat],
            tokenize=False,
            add_generation_prompt=asked,
            enable_thinking=False,
        )
    )


def _folded(chat: Sequence[Message], system: Sequence[str]) -> list[Message]:
    """The chat without a system role, its text before the first other message's."""
    rest = [message for message in chat if message["role"] != "system"]
    first = rest[0] if rest else Message(role="user", content="")
    content = "\n\n".join(text for text in (*system, first["content"]) if text)
    return [Message(role=first["role"], content=content), *rest[1:]]
