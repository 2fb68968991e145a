"""Models, tokens and the engines that sample from them."""
