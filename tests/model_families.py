"""Tiny random models of many families of transformers."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from vgrout.adapters import Lora2r
from vgrout.policy.policy import Policy

VOCAB = 128
_BASE = {
    "vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 512,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
_MOE = {
    "num_local_experts": 4, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24,
    "shared_expert_intermediate_size": 24, "decoder_sparse_step": 1,
}  # fmt: skip
_LINEAR = {
    "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
    "linear_conv_kernel_dim": 4, "layer_types": ["linear_attention"] * 3 + ["full_attention"],
}  # fmt: skip
_MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1}
_MLA = {
    "kv_lora_rank": 8, "q_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8,
    "num_key_value_heads": 4, "head_dim": 4,
}  # fmt: skip
_ROUTED = {
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
    "first_k_dense_replace": 1,
}

_EAGER = ("bloom", "gpt_oss", "mamba", "mamba2", "rwkv", "xlstm")

FAMILIES: dict[str, dict[str, Any]] = {
    # attention alone
    "llama": {}, "mistral": {"sliding_window": 6}, "qwen2": {}, "qwen3": {}, "smollm3": {}, "olmo2": {},
    "olmo3": {"sliding_window": 6}, "gemma": {}, "gemma3_text": {"sliding_window": 6}, "phi": {}, "glm4": {},
    "phi3": {"resid_pdrop": 0.0, "embd_pdrop": 0.0}, "gpt_neox": {"rotary_pct": 0.5}, "gpt2": {"n_head": 4},
    "starcoder2": {"sliding_window": None}, "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32}, "ernie4_5": {},
    "falcon": {"new_decoder_architecture": True, "num_kv_heads": 2, "alibi": False}, "bloom": {"n_head": 4},
    "minicpm3": {**_MLA}, "hunyuan_v1_dense": {}, "apertus": {}, "stablelm": {}, "seed_oss": {}, "helium": {},
    "exaone4": {"sliding_window": 6, "sliding_window_pattern": 4},
    "gemma4_text": {"sliding_window": 6},
    "gemma3n_text": {
        "sliding_window": 6, "num_kv_shared_layers": 0, "hidden_size_per_layer_input": 8,
        "vocab_size_per_layer_input": VOCAB, "laurel_rank": 4, "altup_num_inputs": 2,
    },
    "arcee": {}, "biogpt": {}, "bitnet": {}, "cwm": {}, "diffllama": {}, "doge": {}, "glm": {}, "jais2": {}, "laguna": {},
    "ministral": {}, "ministral3": {}, "nemotron": {}, "olmo": {}, "vaultgemma": {}, "bart": {}, "hrm_text": {},
    "modernbert-decoder": {},
    # logits changed after the head
    "gemma2": {"sliding_window": 6, "query_pre_attn_scalar": 8}, "cohere": {}, "cohere2": {"sliding_window": 6},
    "granite": {"logits_scaling": 8.0}, "nanochat": {}, "hyperclovax": {"logits_scaling": 4.0},
    # mixtures
    "mixtral": _MOE, "qwen2_moe": _MOE, "qwen3_moe": _MOE, "olmoe": _MOE, "gpt_oss": {**_MOE, "sliding_window": 6},
    "granitemoe": {**_MOE, "logits_scaling": 4.0}, "glm4_moe": {**_ROUTED, "n_shared_experts": 1},
    "deepseek_v3": {**_MLA, **_ROUTED, "n_group": 1, "topk_group": 1}, "dots1": {**_ROUTED, "n_shared_experts": 1},
    "ernie4_5_moe": {"moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 24, "moe_layer_start_index": 1},
    "hunyuan_v1_moe": {"num_experts": 4, "moe_topk": 2, "moe_intermediate_size": 24},
    "deepseek_v2": {**_MLA, **_ROUTED, "n_group": 1, "topk_group": 1}, "afmoe": _MOE, "cohere2_moe": _MOE,
    "exaone_moe": _MOE, "flex_olmo": _MOE, "granitemoeshared": _MOE, "hy_v3": _MOE, "mellum": _MOE, "phimoe": _MOE,
    "solar_open": _MOE, "minimax_m2": _MOE, "llama4_text": {**_MOE, "intermediate_size_mlp": 48},
    # recurrent layers
    "qwen3_next": {**_MOE, **_LINEAR}, "qwen3_5_text": _LINEAR, "qwen3_5_moe_text": {**_MOE, **_LINEAR},
    "olmo_hybrid": _LINEAR,
    "lfm2": {"layer_types": ["conv", "full_attention"] * 2, "conv_L_cache": 3, "block_ff_dim": 48},
    "lfm2_moe": {
        **_MOE, "layer_types": ["conv", "full_attention"] * 2, "conv_L_cache": 3, "num_dense_layers": 1,
    },
    "falcon_h1": {**_MAMBA, "mamba_n_heads": 4, "mamba_d_ssm": 32, "lm_head_multiplier": 0.5},
    "bamba": {**_MAMBA, "attn_layer_indices": [1, 3]},
    "jamba": {
        "num_experts": 2, "num_experts_per_tok": 1, "attn_layer_period": 2, "attn_layer_offset": 1,
        "mamba_d_state": 8, "mamba_dt_rank": 4, "use_mamba_kernels": False,
    },
    "nemotron_h": {
        "mamba_num_heads": 8, "mamba_head_dim": 8, "ssm_state_size": 8, "n_groups": 1,
        "hybrid_override_pattern": "M*-M",
    },
    "granitemoehybrid": {
        **_MAMBA, "layer_types": ["mamba", "attention"] * 2, "num_local_experts": 2, "num_experts_per_tok": 1,
        "shared_intermediate_size": 32, "logits_scaling": 4.0,
    },
    "mamba": {"state_size": 8}, "mamba2": {"num_heads": 8, "head_dim": 8, "state_size": 8, "n_groups": 1},
    "recurrent_gemma": {
        "lru_width": 32, "attention_window_size": 16, "block_types": ["recurrent", "recurrent", "attention"],
    },
    "minimax": _MOE, "kimi_linear": {**_MLA, **_ROUTED, **_LINEAR, "linear_head_dim": 8, "linear_num_heads": 2}, "xlstm": {}, "rwkv": {},
}  # fmt: skip
"""Name in transformers to what its configuration needs beside `_BASE`."""


def random_model(family: str, **changes: Any) -> torch.nn.Module:
    """A model of the family, its matrices large enough that what comes before a token matters."""
    settings = {**_BASE, **FAMILIES[family], **changes}
    if family == "falcon":
        del settings["head_dim"]  # it follows from the others there
    config = AutoConfig.for_model(family, **settings)
    torch.manual_seed(0)
    attention = "eager" if family in _EAGER else "sdpa"
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation=attention)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(3)
    return model.eval()


def random_policy(family: str, targets: Sequence[str] | None = None, **changes: Any) -> Policy:
    """The family's policy, without a tokenizer."""
    torch.set_num_threads(1)
    model = random_model(family, **changes)
    return Policy(
        name=family,
        model=model,
        adapter=Lora2r.attach(model, r=3, targets=targets),
        tokenizer=None,
        device=torch.device("cpu"),
        context_tokens=500,
        end_ids=(2,),
        pad_id=0,
    )
