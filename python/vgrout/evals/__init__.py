"""Evaluation of the deployed and the as-trained policy, and the statistics of counts and scores."""
