"""Sub-commands of `vgrout` beside training; each module's `run` takes the arguments after the command's name."""
