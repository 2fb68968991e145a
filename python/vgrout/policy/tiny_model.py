"""A tiny random Qwen3 with a byte-level tokenizer, built in code: nothing is downloaded.

It answers nothing sensible. It is what the smoke preset and the tests train, so that both run anywhere.
"""

from collections.abc import Iterable
from functools import cache

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from vgrout.env.problems import load_problems

PAD, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}" + START + "{{ message['role'] }}\n{{ message['content'] }}" + END + "\n"
    "{% endfor %}{% if add_generation_prompt %}" + START + "assistant\n{% endif %}"
)
CONTEXT_TOKENS = 16_384
VOCABULARY = 1024


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """Give a byte-level BPE tokenizer of `VOCABULARY` tokens: every text has tokens, every token is bytes.

    Its merges are learned, in a tenth of a second, from the package's own problems, which makes prompts a third as
    long as their bytes; the same problems give the same tokenizer.
    """
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_trained()),
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[START],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


@cache
def _trained() -> str:
    """Learn the merges; the tokenizer as JSON."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(_corpus(), trainer)
    return str(core.to_str())


def _corpus() -> Iterable[str]:
    for problem in load_problems():
        yield from (message["content"] for message in problem.messages)
        yield problem.canonical_solution


def tiny_model(
    seed: int, vocabulary: int, *, hidden: int = 32, layers: int = 2, attention: str = "sdpa"
) -> Qwen3ForCausalLM:
    """Give a random Qwen3 on the CPU in float32, the same for the same seed; the global generator is untouched."""
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=hidden // 2,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=True,
        use_cache=True,
        attn_implementation=attention,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config).eval()
