"""The engines that sample from the policy."""
