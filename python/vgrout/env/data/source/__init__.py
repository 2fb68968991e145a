"""Sources of the package's problem set; `vgrout.env.build_problems` turns them into `problems.jsonl`."""
