"""Vector gradient routing for reinforcement learning on code."""
