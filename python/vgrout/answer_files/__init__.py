"""Files of answers and of verdicts, as `vgrout grade` reads and writes them."""
