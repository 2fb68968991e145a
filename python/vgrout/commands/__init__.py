"""The commands: one module each, whose `run` takes the arguments after the command's name and gives the exit status."""
