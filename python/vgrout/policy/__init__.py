"""The model that is trained: loading, tokens, the adapter on it, and prompts as it meets them."""
