"""A tiny random Qwen3 with a byte-level tokenizer, built from a config: nothing is read or downloaded.

It answers nothing sensible. It is what the smoke preset and the tests train, so that both run anywhere.
"""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

PAD, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}" + START + "{{ message['role'] }}\n{{ message['content'] }}" + END + "\n"
    "{% endfor %}{% if add_generation_prompt %}" + START + "assistant\n{% endif %}"
)
CONTEXT_TOKENS = 16_384


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """Give a tokenizer with one id per byte (0-255), then pad, start and end of a message."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet(), key=_byte_of)
    vocabulary = {piece: index for index, piece in enumerate(alphabet)}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[START],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _byte_of(piece: str) -> int:
    """Give the byte that a piece of the byte-level alphabet stands for.

    Printable bytes stand for themselves; the others are numbered from 256 on in byte order.
    """
    code = ord(piece)
    if code < 256:
        return code
    hidden = [byte for byte in range(256) if not (33 <= byte <= 126 or 161 <= byte <= 172 or byte >= 174)]
    return hidden[code - 256]


def tiny_model(seed: int, vocabulary: int, *, hidden: int = 32, layers: int = 2) -> Qwen3ForCausalLM:
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
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config).eval()
