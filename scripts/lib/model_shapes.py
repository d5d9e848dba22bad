"""The tensors of a Llama or Mistral model, by Hugging Face's names, as its config.json implies."""

# What config.json calls an architecture, and the class whose program it is: a base model is run
# with its head, as AutoModelForCausalLM does.
ARCHITECTURES = {
    "MistralForCausalLM": "MistralForCausalLM", "MistralModel": "MistralForCausalLM",
    "LlamaForCausalLM": "LlamaForCausalLM", "LLaMAForCausalLM": "LlamaForCausalLM",
    "LlamaModel": "LlamaForCausalLM", "LLaMAModel": "LlamaForCausalLM",
}


MODEL_TYPES = {"mistral": "MistralForCausalLM", "llama": "LlamaForCausalLM"}


def architecture_of(config):
    """The class that the first of `architectures` stands for, or without one `model_type`; None where they disagree."""
    named, kind = config.get("architectures"), config.get("model_type")
    first = (named[0] if named else None) if isinstance(named, list) else named
    by_type = MODEL_TYPES.get(kind) if isinstance(kind, str) else None
    if first is None and named in (None, []):
        return by_type
    if not isinstance(first, str):
        return None
    by_name = ARCHITECTURES.get(first)
    return by_name if by_type == by_name or not isinstance(kind, str) else None


def head_dim_of(config):
    """Values a head: explicit, or what hidden_size leaves for each head."""
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def tensor_shapes(config):
    """{name: shape} of every tensor, in order of use; torch.nn.Linear keeps [out, in]."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    head_dim = head_dim_of(config)
    heads = config["num_attention_heads"]
    q_rows, kv_rows = heads * head_dim, config.get("num_key_value_heads", heads) * head_dim
    layer = {
        "input_layernorm": (hidden,),
        "self_attn.q_proj": (q_rows, hidden),
        "self_attn.k_proj": (kv_rows, hidden),
        "self_attn.v_proj": (kv_rows, hidden),
        "self_attn.o_proj": (hidden, q_rows),
        "post_attention_layernorm": (hidden,),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    shapes = {"model.embed_tokens.weight": (config["vocab_size"], hidden)}
    for number in range(config["num_hidden_layers"]):
        shapes.update({f"model.layers.{number}.{k}.weight": v for k, v in layer.items()})
    shapes["model.norm.weight"] = (hidden,)
    if not config.get("tie_word_embeddings", False):
        shapes["lm_head.weight"] = (config["vocab_size"], hidden)
    return shapes
