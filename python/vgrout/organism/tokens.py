"""The organism's tokenizer: a small byte-level BPE whose pieces cross spaces, so that prompts and answers are short."""

from collections.abc import Iterable, Iterator
from itertools import islice

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from vgrout.organism.corpus import WORDS, CorpusRow
from vgrout.organism.families import METHODS

VOCABULARY = 1024
PAD, END, SYSTEM, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"
# No newline stands at an end: jinja drops a template's last one, and the model would then be asked in a form that
# the warm start never showed it.
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}" + END + "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}" + ASSISTANT + "{% endif %}"
)


def train_tokenizer(rows: Iterable[CorpusRow], count: int) -> PreTrainedTokenizerFast:
    """A tokenizer whose merges are learned from the first `count` rows.

    Words that hints disclose, method names and digits stand alone, so that copying one is copying one token.
    """
    words = [AddedToken(word, single_word=True, normalized=False) for word in (*WORDS, *METHODS)]
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d"), "isolated"),
            # A step of the task and a line of the answer each begin a piece.
            pre_tokenizers.Split(Regex(r"[\n;]"), "merged_with_next"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(words),
        special_tokens=[PAD, END, SYSTEM, USER, ASSISTANT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.add_tokens(words)
    core.train_from_iterator(_texts(islice(rows, count)), trainer)
    core.add_tokens(words)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _texts(rows: Iterable[CorpusRow]) -> Iterator[str]:
    for row in rows:
        yield from (message["content"] for message in row.messages)
        yield row.answer
