"""Prompts and the end of a turn, as chat templates of several kinds write them."""

import pytest

from vgrout.builtin import builtin_model
from vgrout.config import AdapterConfig, BaseConfig, TeacherConfig
from vgrout.env.problems import load_problems
from vgrout.errors import ConfigError
from vgrout.policy.chat import prompt_text, turn_end
from vgrout.policy.model import load_policy
from vgrout.policy.tiny_model import CHAT_TEMPLATE, byte_tokenizer
from vgrout.train.teacher import load_pools

SYSTEM, USER = {"role": "system", "content": "Be brief.\n"}, {"role": "user", "content": "Sort the list."}
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
)
PLAIN = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] | trim }}\n{% endfor %}"
USERS_ALONE = (
    "{% for message in messages if message['role'] != 'system' %}{{ message['content'] }}{% endfor %}"
)


def tokenizer(template):
    made = byte_tokenizer()
    made.chat_template = template
    return made


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (PLAIN, "system: Be brief.\nuser: Sort the list.\n"),
        (NO_SYSTEM + PLAIN, "user: Be brief.\n\n\nSort the list.\n"),  # refused
        (USERS_ALONE, "Be brief.\n\n\nSort the list."),  # left out
    ],
)
def test_a_template_without_a_system_role_has_its_text_in_the_users_turn(template, text):
    assert prompt_text(tokenizer(template), [SYSTEM, USER]) == text


def test_every_packaged_prompt_folds():
    made = tokenizer(NO_SYSTEM + CHAT_TEMPLATE)
    for problem in load_problems()[:5]:
        text = prompt_text(made, problem.messages)
        assert all(message["content"] in text for message in problem.messages)
        assert "<|im_start|>system" not in text


def test_a_template_that_refuses_the_chat_says_so_in_two_lines():
    with pytest.raises(ConfigError) as caught:
        prompt_text(tokenizer("{{ raise_exception('No chat at all') }}"), [SYSTEM, USER])
    lines = str(caught.value).splitlines()
    assert lines[0] == "model: the chat template of its tokenizer refuses a chat of user: No chat at all"
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("behind", "token"),
    [
        ("<|im_start|>\n", "<|im_start|>"),  # special, though no file names it as an end
        (" and<|pad|>", "<|pad|>"),
        ("\n", None),
        ("", None),
    ],
)
def test_a_turn_ends_as_the_template_ends_it(behind, token):
    made = tokenizer(PLAIN.replace("\n", behind))
    expected = None if token is None else made.convert_tokens_to_ids(token)
    assert turn_end(made, [made.eos_token_id]) == expected


def test_a_named_end_counts_though_it_is_an_ordinary_token():
    made = tokenizer(PLAIN)
    (newline,) = made.encode("\n")
    assert turn_end(made, [newline]) == newline


def test_demonstrations_end_as_the_template_ends_a_turn(tmp_path):
    plain = load_policy(None, BaseConfig(dtype="float32"), AdapterConfig(rank=2), device="cpu", seed=0)
    made = tokenizer(PLAIN.replace("\n", "<|im_start|>\n"))
    plain.model.save_pretrained(tmp_path)
    made.save_pretrained(tmp_path)
    policy = load_policy(
        str(tmp_path), BaseConfig(dtype="float32"), AdapterConfig(rank=2), device="cpu", seed=0
    )
    start, eos = made.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    assert policy.end_ids == (start, eos)  # answers may end with either
    problems = load_problems()[:2]
    pools = load_pools(
        problems, {problem.id: "run_tests" for problem in problems}, policy, TeacherConfig(), 999
    )
    assert {demo.ids[-1] for pool in pools.values() for demo in pool} == {start}


@pytest.mark.parametrize("source", [None, "organism", "organism-1"])
def test_the_packaged_models_end_turns_with_their_end_token_alone(source):
    policy = load_policy(source, BaseConfig(dtype="float32"), AdapterConfig(rank=2), device="cpu", seed=0)
    assert source is None or builtin_model(source) is not None
    assert policy.end_ids == (policy.tokenizer.eos_token_id,)
